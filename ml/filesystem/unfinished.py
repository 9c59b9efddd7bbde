"""Files being written: locked, so that the leftovers of a killed process can be recognised."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml.filesystem.durability import sync
from ml.filesystem.file_lock import try_lock

_ENDING = ".unfinished"
#: A process has its lock within moments.
_MOST_SECONDS_WITHOUT_LOCK = 60.0


@contextmanager
def folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder in `parent`, which goes when the block ends, unless it was renamed.

    What killed processes have left there is removed first.
    """
    remove_abandoned(parent)
    path = Path(tempfile.mkdtemp(dir=parent, prefix=f".{name}-", suffix=_ENDING))
    try:
        with _locked(os.open(path, os.O_RDONLY)):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """Yield the path of an empty file that its owner alone can read, and that becomes `path` when the block ends well.

    Otherwise it goes, and what was there stays. What killed processes have left there is removed first.
    """
    remove_abandoned(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=_ENDING)
    try:
        with _locked(descriptor):
            yield Path(name)
            os.replace(name, path)
            sync(path.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def abandoned(parent: Path) -> Iterator[Path]:
    """The files and folders in `parent` whose process was killed before they were finished."""
    with suppress(OSError):
        for path in sorted(parent.glob(f".*{_ENDING}")):
            if _is_abandoned(path):
                yield path


def remove_abandoned(parent: Path) -> None:
    for path in abandoned(parent):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _is_abandoned(path: Path) -> bool:
    try:
        if time.time() - path.stat().st_mtime < _MOST_SECONDS_WITHOUT_LOCK:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return try_lock(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        # Gone, or of another user; or its file system has no locks, and nobody can know.
        return False


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    try:
        # Without locks nothing is removed.
        with suppress(OSError):
            try_lock(descriptor)
        yield
    finally:
        os.close(descriptor)
