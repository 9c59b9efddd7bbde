"""Temporary failures of disk or database: a named error with a message for users."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _


class Reason(StrEnum):
    FULL = "full"
    UNUSABLE = "unusable"
    BUSY = "busy"
    UNREACHABLE = "unreachable"


class StorageUnavailable(Exception):
    """Files or rows cannot be stored or read at the moment; the message is the cause, for the log."""

    def __init__(self, reason: Reason, cause: object) -> None:
        super().__init__(str(cause))
        self.reason = reason


_OF_THE_SYSTEM = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), Reason.FULL),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE),
        Reason.UNUSABLE,
    ),
}
#: Prefixes of SQLite's names of temporary errors; others, such as a missing table, are not temporary.
_OF_SQLITE = {
    "SQLITE_BUSY": Reason.BUSY,
    "SQLITE_LOCKED": Reason.BUSY,
    "SQLITE_FULL": Reason.FULL,
    "SQLITE_READONLY": Reason.UNUSABLE,
    "SQLITE_IOERR": Reason.UNUSABLE,
    "SQLITE_CANTOPEN": Reason.UNREACHABLE,
}
#: Prefixes of PostgreSQL's SQLSTATEs: disk full, lock not available, deadlock, not serialisable, cancelled,
#: read-only, no connection, too many of them, shut down.
_OF_POSTGRESQL = {
    "53100": Reason.FULL,
    "55P03": Reason.BUSY,
    "40P01": Reason.BUSY,
    "40001": Reason.BUSY,
    "57014": Reason.BUSY,
    "25006": Reason.UNUSABLE,
    "08": Reason.UNREACHABLE,
    "53": Reason.BUSY,
    "57P": Reason.UNREACHABLE,
}


def as_unavailable(error: BaseException) -> StorageUnavailable | None:
    """Classify an error of the system or the database; None if it is not temporary."""
    if isinstance(error, StorageUnavailable):
        return error
    reason = None
    if isinstance(error, OSError):
        reason = _OF_THE_SYSTEM.get(error.errno or 0)
    elif isinstance(error, DatabaseError | InterfaceError):
        reason = _reason_of_database(error)
    return StorageUnavailable(reason, error) if reason else None


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn temporary errors of disk and database in the block into StorageUnavailable."""
    try:
        yield
    except (OSError, DatabaseError, InterfaceError) as error:
        unavailable = as_unavailable(error)
        if unavailable is None and isinstance(error, OSError):
            unavailable = StorageUnavailable(Reason.UNUSABLE, error)
        if unavailable is None:
            raise
        raise unavailable from error


def renew_connection(error: StorageUnavailable) -> None:
    """Close this thread's connection to the database if it may be the cause; the next query opens another.

    A connection that was opened while the database was read-only, or to a server that is gone, stays as it is.
    """
    if error.reason in (Reason.UNUSABLE, Reason.UNREACHABLE) and not connection.in_atomic_block:
        connection.close()


def explain_unavailable(error: StorageUnavailable) -> str:
    """The error message in the current language."""
    return {
        Reason.FULL: _("The site's disk is full."),
        Reason.UNUSABLE: _("The site’s storage is temporarily unavailable."),
        Reason.BUSY: _("The database is busy."),
        Reason.UNREACHABLE: _("The database is temporarily unavailable."),
    }[error.reason]


def _reason_of_database(error: DatabaseError | InterfaceError) -> Reason | None:
    cause = error.__cause__
    if name := getattr(cause, "sqlite_errorname", None):
        return _by_beginning(_OF_SQLITE, name)
    if state := getattr(cause, "sqlstate", None):
        return _by_beginning(_OF_POSTGRESQL, state)
    # An error without a code is a failed or lost connection.
    return Reason.UNREACHABLE if isinstance(error, OperationalError | InterfaceError) else None


def _by_beginning(reasons: dict[str, Reason], code: str) -> Reason | None:
    return next((reason for beginning, reason in reasons.items() if code.startswith(beginning)), None)
