"""Locks that the system frees when their process dies."""

import fcntl


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder; False if another process holds the lock. Raises OSError where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
