"""Model folders on object storage: stored there when they are published, and read through a cache on each machine."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from classifier.storages.stored import StoredFile, site_storage
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError

FOLDER = "models"
_GIGABYTE = 10**9


def is_shared() -> bool:
    """Whether models are stored where other machines read them."""
    return bool(settings.STORAGE_URL)


def share(folder: Path, digest: str) -> None:
    """Store a model's files where other machines read them, before its row is committed. Raises ArtifactError."""
    if not is_shared():
        return
    try:
        # The card comes last: with it the model is complete.
        if default_storage.exists(_name(digest, artifacts.CARD_FILE)):
            return
        for path in sorted(files_of(folder), key=lambda path: path == folder / artifacts.CARD_FILE):
            with path.open("rb") as opened:
                default_storage.save(_name(digest, path.relative_to(folder).as_posix()), File(opened))
    except OSError as error:
        raise ArtifactError(f"The model in {folder} could not be stored ({error}). Publish it again later.") from error


def at_hand(folder: Path, digest: str) -> Path:
    """Return a local folder with the model's published files: its own, or one that was fetched from the store.

    Raises ArtifactError if the model cannot be fetched.
    """
    if not is_shared() or _has(folder, digest):
        return folder
    cache = Path(settings.MODEL_CACHE_DIR)
    place = cache / digest
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not place.is_dir():
            with _locked(cache / f".{digest}.lock"):
                if not place.is_dir():
                    _fetch(digest, place)
                    _make_room(cache, place)
        # Finer than the clock of the file system.
        os.utime(place, ns=(time.time_ns(), time.time_ns()))
    except OSError as error:
        raise ArtifactError(f"The model could not be fetched from the storage ({error})") from error
    return place


def own_or_at_hand(folder: Path, digest: str) -> Path:
    """The same, for a reader that can do without: the model's own folder, there or not, if it cannot be fetched."""
    try:
        return at_hand(folder, digest)
    except ArtifactError:
        return folder


def unshare(digest: str) -> None:
    """Delete a model's files from the store. Raises OSError."""
    if is_shared():
        site_storage().delete_all(file.name for file in list(site_storage().listing(f"{FOLDER}/{digest}")))


def stored_files() -> Iterator[tuple[str, list[StoredFile]]]:
    """Yield the digest and the files of each model in the store. Raises OSError."""
    if is_shared():
        listing = site_storage().listing(FOLDER)
        for digest, files in groupby(listing, key=lambda file: file.name.split("/")[1]):
            yield digest, list(files)


def files_of(folder: Path) -> list[Path]:
    """The files that belong to a model, without an index of neighbours, which is rebuilt in half a minute."""
    found = []
    for path in sorted(filter(Path.is_file, folder.rglob("*"))):
        parts = path.relative_to(folder).parts
        if not any(part == artifacts.NEIGHBOURS_FOLDER or part.startswith(".") for part in parts):
            found.append(path)
    return found


def _name(digest: str, relative: str) -> str:
    return f"{FOLDER}/{digest}/{relative}"


def _has(folder: Path, digest: str) -> bool:
    try:
        return artifacts.load_card(folder).digest == digest
    except ArtifactError:
        return False


def _fetch(digest: str, place: Path) -> None:
    with artifacts.writing(place) as new:
        files = list(site_storage().listing(f"{FOLDER}/{digest}"))
        for file in files:
            path = new / file.name.removeprefix(f"{FOLDER}/{digest}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with default_storage.open(file.name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        if not files or artifacts.verify(new).digest != digest:
            raise ArtifactError("The storage has no such model, or another one")


def _make_room(cache: Path, wanted: Path) -> None:
    """Delete the models that were not used for the longest time, until the others fit."""
    folders = [path for path in cache.iterdir() if path.is_dir() and not path.name.startswith(".")]
    left = settings.MODEL_CACHE_GB * _GIGABYTE - _size(wanted)
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        if folder == wanted:
            continue
        left -= _size(folder)
        if left < 0:
            shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process fetches the same model."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
