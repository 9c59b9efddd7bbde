"""One process per training run: a lock beside its folder, freed when the process dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from ml.filesystem.file_lock import try_lock


class RunAlive(Exception):
    """Another process works on the run; the message says what can be done."""


@contextmanager
def exclusive(*, name: str) -> Iterator[None]:
    """Lock the run of this name while the block runs. Raises RunAlive."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path)
    if descriptor is None:
        raise RunAlive(
            f"The run {name} is being trained by another process. Wait until it ends, stop it with Ctrl-C, or choose "
            "another --name."
        )
    try:
        yield
    finally:
        # Before releasing the lock: a waiting process checks again whether the file is still there.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_locked(name: str) -> bool:
    """Whether a process works on the run of this name now."""
    try:
        descriptor = os.open(_path(name), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def _path(name: str) -> Path:
    return Path(settings.RUNS_DIR) / f".{name}.lock"


def _locked(path: Path) -> int | None:
    """Return the descriptor of the locked file, None where another process has the lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not try_lock(descriptor):
            os.close(descriptor)
            return None
        if path.exists() and os.path.samestat(os.stat(path), os.fstat(descriptor)):
            return descriptor
        # Its last owner has just removed it.
        os.close(descriptor)
