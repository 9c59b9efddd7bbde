"""Take a consistent snapshot of the database while the site runs, and restore it."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from classifier.services.operations.archive import ArchiveError

_COPY = "copy"
#: The name of the database in an archive, by vendor.
DATABASES = {"sqlite": "sqlite3", "postgresql": "postgresql"}
#: Names of files as rows have them, for Python and for PostgreSQL: below the folders of uploads, and none hidden.
_INSIDE = "(uploads|thumbnails)(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+"


_NOTHING = "Nothing was restored."
# Built from two constants of this module, not from input.
_CHECK_ROWS = f"""
DO $$ BEGIN
  IF EXISTS (SELECT FROM public.classifier_upload WHERE file !~ '^{_INSIDE}$' OR thumbnail !~ '^{_INSIDE}$') THEN
    RAISE EXCEPTION 'The archive has a row with a file that lies elsewhere. {_NOTHING}';
  END IF;
END $$
"""  # nosec B608


@dataclass(frozen=True)
class Snapshot:
    """A file with the whole database, and the alias of a connection to that state."""

    path: Path
    alias: str


@contextmanager
def snapshot(folder: Path) -> Iterator[Snapshot]:
    """Copy the database into a folder. Raises ArchiveError when a program for that is missing."""
    if connection.vendor == "sqlite":
        path = folder / DATABASES[connection.vendor]
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as copy:
            connection.connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        with _opened(path):
            yield Snapshot(path, _COPY)
    elif connection.vendor == "postgresql":
        path = folder / DATABASES[connection.vendor]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            (number,) = cursor.fetchone()
            _run("pg_dump", "--format=custom", "--no-owner", f"--snapshot={number}", f"--file={path}")
            yield Snapshot(path, DEFAULT_DB_ALIAS)
    else:
        raise ArchiveError(f"Databases of the kind {connection.vendor} cannot be backed up.")


def is_inside(name: str) -> bool:
    """Whether a file name is valid in a row: a path in the uploads folder."""
    return bool(re.fullmatch(_INSIDE, name))


def outside(name: str) -> ArchiveError:
    return ArchiveError(f"The archive's database has a row with the file {name!r}, which lies elsewhere. {_NOTHING}")


def prepare(path: Path, adjust: Callable[[str], None]) -> None:
    """Check a snapshot's file, bring it up to date, and let `adjust` check and change it by the alias it is given.

    Nothing of the site is changed; on PostgreSQL all of it, but for `adjust`, is tried in a transaction that is rolled
    back. Raises ArchiveError, DatabaseError.
    """
    if connection.vendor == "sqlite":
        _check(path)
        _migrate(path)
        with _opened(path) as alias:
            adjust(alias)
    else:
        _restore_postgresql(path, dry_run=True)


def replace_database(path: Path, adjust: Callable[[str], None]) -> None:
    """Let a prepared file take the place of the site's database: in one transaction. Raises ArchiveError.

    On PostgreSQL it is migrated and `adjust`ed after that.
    """
    if connection.vendor == "sqlite":
        connection.close()
        with closing(sqlite3.connect(path)) as copy, closing(sqlite3.connect(connection.settings_dict["NAME"])) as own:
            # Page by page into the open file: running processes see the old or the new database, never a mixture.
            copy.backup(own)
    else:
        _restore_postgresql(path)
        call_command("migrate", interactive=False, verbosity=0)
        adjust(DEFAULT_DB_ALIAS)


@contextmanager
def _opened(path: Path) -> Iterator[str]:
    own = connections.databases[DEFAULT_DB_ALIAS]
    connections.databases[_COPY] = {**own, "NAME": str(path), "OPTIONS": {}, "CONN_MAX_AGE": 0}
    try:
        yield _COPY
    finally:
        connections[_COPY].close()
        del connections[_COPY], connections.databases[_COPY]


def _check(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as error:
        raise ArchiveError(f"The database in the archive is damaged: {error}") from error
    if found != [("ok",)]:
        raise ArchiveError(f"The database in the archive is damaged: {found[0][0]}")


def _migrate(path: Path) -> None:
    """Run the migrations on a file that is not yet in use, in a process without access to the site's database."""
    no_models = path.with_name("no-models")
    no_models.mkdir()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "cifarsite.settings",
        "DATABASE_URL": f"sqlite:///{quote(str(path))}",
        # The site's own `migrate` publishes the models that come with the code.
        "MODELS_DIR": str(no_models),
    }
    command = [sys.executable, "-m", "django", "migrate", "--no-input", "--verbosity", "0"]
    done = subprocess.run(  # noqa: S603
        command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ArchiveError(f"Migrating the restored database failed. Nothing was replaced: {done.stderr}")


def _restore_postgresql(path: Path, *, dry_run: bool = False) -> None:
    script = path.with_suffix(".sql")
    _run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(path), connects=False)
    connection.close()
    first = ["--command", "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"]
    last = ["--command", _CHECK_ROWS, *(["--command", "ROLLBACK"] if dry_run else [])]
    options = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction"]
    _run("psql", *options, *first, "--file", str(script), *last)


def _run(program: str, *arguments: str, connects: bool = True) -> None:
    """Run one of PostgreSQL's programs against the site's database. Raises ArchiveError."""
    found = shutil.which(program)
    if found is None:
        raise ArchiveError(f"The program {program} is not installed. Install PostgreSQL's client programs and retry.")
    own = connection.settings_dict
    env = {"PGHOST": own["HOST"], "PGPORT": own["PORT"], "PGUSER": own["USER"], "PGPASSWORD": own["PASSWORD"]}
    env = {**os.environ, **{name: str(value) for name, value in env.items() if value}}
    database = [f"--dbname={own['NAME']}"] if connects else []
    command = [found, *database, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ArchiveError(f"{program} failed: {done.stderr.strip()}")
