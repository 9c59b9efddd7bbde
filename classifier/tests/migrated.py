"""The database that `migrate` makes for a site, which takes seconds the first time and is copied after that."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from classifier.tests.factories import manage
from ml.artifacts.folder import CARD_FILE

_COPIES = tempfile.TemporaryDirectory(prefix="migrated-")


def migrate(env: dict[str, str]) -> None:
    """Bring the database of a site up to date, with the models that lie in its folder."""
    address = env["DATABASE_URL"]
    if address.startswith("sqlite"):
        _migrate_sqlite(env, Path(address.removeprefix("sqlite:///")))
    else:
        _migrate_postgresql(env, address.replace("postgres://", "postgresql://"))


def _migrate_sqlite(env: dict[str, str], file: Path) -> None:
    copy, is_new = Path(_COPIES.name) / _models(env), not file.exists()
    if is_new and copy.exists():
        shutil.copy(copy, file)
        return
    _run(env)
    if is_new:
        shutil.copy(file, copy)


def _migrate_postgresql(env: dict[str, str], address: str) -> None:
    with psycopg.connect(address, autocommit=True) as database:
        name = database.info.dbname
        has_tables = database.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone()
        locale = database.execute("SELECT daticulocale FROM pg_database WHERE datname = %s", [name]).fetchone()
    if has_tables:
        _run(env)
        return
    template = f"migrated_{_models(env)[:16]}_{locale[0] or 'c'}"
    empty, full, server = sql.Identifier(name), sql.Identifier(template), address.rpartition("/")[0] + "/postgres"
    with psycopg.connect(server, autocommit=True) as database:
        if not database.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
            _run(env)
            database.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(full, empty))
            return
        database.execute(sql.SQL("DROP DATABASE {}").format(empty))
        database.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(empty, full))


def _models(env: dict[str, str]) -> str:
    """What the rows that `migrate` writes depend on, but for the migrations: the models' cards and their folders."""
    folder = Path(env.get("MODELS_DIR") or os.environ["MODELS_DIR"])
    cards = sorted(folder.glob(f"*/{CARD_FILE}"))
    content = b"".join(card.parent.name.encode() + card.read_bytes() for card in cards)
    return hashlib.sha256(content).hexdigest()


def _run(env: dict[str, str]) -> None:
    done = manage("migrate", "--no-input", "--verbosity", "0", env=env)
    assert done.returncode == 0, done.stderr
