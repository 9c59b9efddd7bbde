"""Delete files whose rows are gone: the rows first, the files once that is certain."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from classifier.storages.stored import site_storage

logger = logging.getLogger(__name__)


class _Waiting(threading.local):
    names: list[str] | None = None


_waiting = _Waiting()


def delete_file(name: str) -> None:
    """Delete a file that no row has any more. It may fail: what was asked for is done, and the sweep does the rest."""
    if _waiting.names is None:
        _delete([name])
    else:
        _waiting.names.append(name)


@contextmanager
def deleted_together() -> Iterator[None]:
    """Delete the files of the block after it, by few requests to an object store."""
    names: list[str] = []
    _waiting.names = names
    try:
        yield
    finally:
        _waiting.names = None
        _delete(names)


def _delete(names: list[str]) -> None:
    try:
        site_storage().delete_all(names)
    except Exception as error:
        shown = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} others"
        logger.error("The file %s could not be deleted: %s. Run manage.py sweep later.", shown, error)
