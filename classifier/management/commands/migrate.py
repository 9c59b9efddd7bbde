"""manage.py migrate, one at a time per database, so that several servers may start at once."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.core.management.commands import migrate
from django.db import connections

from ml.filesystem.file_lock import try_lock

if TYPE_CHECKING:
    from django.db.backends.sqlite3.base import DatabaseWrapper

#: An arbitrary number that nothing else locks.
_LOCK = 0x6D696772


class Command(migrate.Command):
    def handle(self, *args, database: str, verbosity: int, **options) -> None:
        def tell() -> None:
            if verbosity:
                self.stdout.write("Another migration is running on this database. Waiting for it to finish.")

        with _alone(database, tell):
            super().handle(*args, database=database, verbosity=verbosity, **options)


@contextmanager
def _alone(alias: str, tell: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that ends with the process; call `tell` if another process holds it."""
    connection = connections[alias]
    if connection.vendor == "sqlite" and not cast("DatabaseWrapper", connection).is_in_memory_db():
        # The folder exists before the database, and stays when a restore replaces the database.
        folder = os.open(Path(connection.settings_dict["NAME"]).absolute().parent, os.O_RDONLY)
        try:
            if not try_lock(folder):
                tell()
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    elif connection.vendor == "postgresql":
        # A separate connection, which lives as long as the lock.
        own = connections.create_connection(alias)
        try:
            with own.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                if cursor.fetchone() != (True,):
                    tell()
                    cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            yield
        finally:
            own.close()
    else:
        yield
