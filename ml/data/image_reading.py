"""Read and decode image files on all processors, into memory or into a file."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from ml.data.dataset import DatasetError, Progress, Split
from ml.data.duplicates import Signature, groups
from ml.data.folder_report import printable
from ml.data.pixel_file import NoSpace, PixelFile
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage, decode, to_input

#: The size of decoded images from which they are stored in a file.
MOST_IN_MEMORY = 256 * 2**20
_ERRORS_NAMED = 5

Converted = TypeVar("Converted")


class File(NamedTuple):
    """A file to be read: its split and its class's label."""

    path: Path
    split: str
    label: int


class Read(NamedTuple):
    """The files that could be read, in order: paths, splits (N,), labels (N,), SHA-256 of the contents, and images.

    copies: for each the number of its first copy, (N,). skipped: the files that could not be read, and why.
    """

    paths: list[Path]
    splits: np.ndarray
    labels: np.ndarray
    digests: list[bytes]
    images: np.ndarray | PixelFile
    copies: np.ndarray
    skipped: list[tuple[Path, str]]


def read_files(
    files: list[File],
    image_size: int,
    *,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> Read:
    """Decode all files at `image_size` pixels a side. Raises DatasetError.

    `scratch` is where decoded images are kept that do not fit into memory.
    """
    store = _store(len(files), (image_size, image_size, 3), scratch)

    def read(index: int) -> tuple[bytes, Signature] | str:
        try:
            content = files[index].path.read_bytes()
            image = to_input(decode(content).picture, image_size, image_size)
        except (OSError, ImageError) as error:
            return str(error)
        if isinstance(store, PixelFile):
            store.write(index, image)
        else:
            store[index] = image
        return hashlib.sha256(content).digest(), Signature.of(image)

    found, errors = {}, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, result in enumerate(pool.map(read, range(len(files)))):
            if isinstance(result, str):
                errors.append((files[index].path, result))
            else:
                found[index] = result
            if progress:
                progress(index + 1, len(files))
    if errors and not skip_unreadable:
        raise _unreadable([f"{printable(path)}: {error}" for path, error in errors], len(files))
    kept = np.array(list(found), np.int64)
    split = Split(store, np.array([file.label for file in files], np.int64))
    images, labels = split if not errors else split.take(kept)
    digests = [digest for digest, _ in found.values()]
    return Read(
        paths=[files[index].path for index in kept],
        splits=np.array([files[index].split for index in kept], str),
        labels=labels,
        digests=digests,
        images=images,
        copies=groups(digests, [signature for _, signature in found.values()]),
        skipped=errors,
    )


class _Unreadable(str):
    """Why a file could not be read."""


def read_images(
    paths: list[Path], convert: Callable[[DecodedImage], Converted], *, progress: Progress | None = None
) -> list[Converted]:
    """Return `convert` of every decoded image, in order.

    `progress` hears the files done and the files in all. Raises DatasetError.
    """

    def read(path: Path) -> "Converted | _Unreadable":
        try:
            return convert(decode(path.read_bytes()))
        except (OSError, ImageError) as error:
            return _Unreadable(f"{path}: {error}")

    pictures: list[Converted] = []
    errors: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(read, paths):
            if isinstance(result, _Unreadable):
                errors.append(str(result))
            else:
                pictures.append(result)
            if progress:
                progress(len(pictures) + len(errors), len(paths))
    if errors:
        raise _unreadable(errors, len(paths))
    return pictures


def _store(count: int, shape: tuple[int, int, int], scratch: Path | None) -> np.ndarray | PixelFile:
    if count * int(np.prod(shape)) <= MOST_IN_MEMORY:
        return np.empty((count, *shape), np.uint8)
    try:
        return PixelFile.create(count, shape, scratch)
    except NoSpace as error:
        raise DatasetError(str(error)) from error


def _unreadable(errors: list[str], count: int) -> DatasetError:
    more = f"\n... and {len(errors) - _ERRORS_NAMED} more" if len(errors) > _ERRORS_NAMED else ""
    return DatasetError(
        f"{len(errors)} of {count} images cannot be read. Remove or mend them; manage.py train leaves them out with "
        "--skip-unreadable:\n" + "\n".join(errors[:_ERRORS_NAMED]) + more
    )
