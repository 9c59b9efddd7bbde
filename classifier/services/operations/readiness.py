"""Whether files can be stored, for health checks."""

import errno
import logging
import threading
import time

from django.core.files.storage import storages

from classifier.storages.stored import site_storage

logger = logging.getLogger(__name__)

#: How long an answer about the storage is good: many proxies ask, each every few seconds.
STORAGE_SECONDS = 5.0
_WORDS = {errno.EACCES: "refused", errno.ENOENT: "missing", errno.ENOTDIR: "missing", errno.ENOSPC: "full"}

_lock = threading.Lock()
_last: tuple[object, float, str] | None = None


def storage_state() -> str:
    """Return "ok", or in a word what is wrong.

    It is what was found within the last seconds; otherwise one thread asks, and the others wait for it.
    """
    global _last
    with _lock:
        storage = storages["default"]
        if _last is None or _last[0] is not storage or time.monotonic() - _last[1] > STORAGE_SECONDS:
            _last = (storage, time.monotonic(), _ask_storage())
        return _last[2]


def _ask_storage() -> str:
    try:
        site_storage().check()
    except OSError as error:
        logger.error("Not ready: the storage fails: %s", error)
        return _WORDS.get(error.errno or 0, "unreachable")
    return "ok"
