"""One's own pictures: a folder with one sub-folder a class, as torchvision's ImageFolder and Keras read them.

    pictures/cat/*.jpg  pictures/dog/*.jpg            a tenth each is held out for validation and for the test
    pictures/train/cat/*.jpg  pictures/test/cat/*.jpg  the splits as they are; `validation` (or `val`) may be there too

The sub-folders' names, in alphabetical order, are the classes.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from ml.classes import LONGEST_CLASS_NAME
from ml.dataset import Dataset, DatasetError, Progress, Split, stratified_split
from ml.formats import NAMES, is_image_file
from ml.image_errors import ImageError
from ml.preprocessing import PREPROCESSING_VERSION, decode, to_input

HELD_OUT_SHARE = 0.1
#: One each to train on, to validate and to test.
FEWEST_IMAGES = 3
FEWEST_CLASSES = 2
#: Smaller ones leave nothing after three poolings; larger ones are not decoded whole, so there is nothing to gain.
IMAGE_SIZES = range(16, 513)

Converted = TypeVar("Converted")

_TRAIN, _TEST, _VALIDATION = "train", "test", ("validation", "val", "valid")
_ERRORS_NAMED = 5


def holds_classes(folder: Path) -> bool:
    """Whether there are sub-folders, which may be classes."""
    return folder.is_dir() and bool(_subfolders(folder))


def load(folder: Path, *, image_size: int, split_seed: int = 0, progress: Progress | None = None) -> Dataset:
    """Read every picture as the site reads an upload, at `image_size` pixels a side.

    What is not split yet is split by `split_seed`, the same share of every class. Files with other names than those
    of images are left out. Raises DatasetError, which names the first pictures that cannot be read.
    """
    if image_size not in IMAGE_SIZES:
        raise DatasetError(
            f"Images of {image_size} pixels a side cannot be made: choose {IMAGE_SIZES[0]} to {IMAGE_SIZES[-1]}."
        )
    training = folder / _TRAIN if _is_split(folder) else folder
    if not training.is_dir():
        raise DatasetError(f"{folder} has {', '.join(_subfolders(folder))} but no {_TRAIN}/ to train on.")
    class_names = _class_names(training)
    given = {"train": list_images(training, class_names, FEWEST_IMAGES)}
    if training != folder:
        for name, places in (("test", (_TEST,)), ("validation", _VALIDATION)):
            if place := next((folder / place for place in places if (folder / place).is_dir()), None):
                given[name] = list_images(place, class_names, 1)
    return _read(given, folder.resolve().name, class_names, image_size, split_seed, progress)


def _is_split(folder: Path) -> bool:
    """Whether the sub-folders are splits; one class may well be called `train`."""
    names = set(_subfolders(folder))
    return names <= {_TRAIN, _TEST, *_VALIDATION} or (_TRAIN in names and bool(_subfolders(folder / _TRAIN)))


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(_subfolders(folder))
    if len(names) < FEWEST_CLASSES:
        raise DatasetError(
            f"{folder} has {len(names)} sub-folder(s) of images; at least {FEWEST_CLASSES} classes are needed, each a "
            "sub-folder with its images."
        )
    for name in names:
        if len(name) > LONGEST_CLASS_NAME or not name.isprintable():
            raise DatasetError(f"{name!r} cannot be a class: use at most {LONGEST_CLASS_NAME} printable characters.")
    return names


def list_images(folder: Path, class_names: tuple[str, ...], fewest: int) -> list[tuple[Path, int]]:
    """Return every image below the classes' folders with its label, by class and then by name. Raises DatasetError."""
    if unknown := sorted(set(_subfolders(folder)) - set(class_names)):
        raise DatasetError(f"{folder / unknown[0]} is none of the classes: {', '.join(class_names)}.")
    found = []
    for label, name in enumerate(class_names):
        paths = sorted(path for path in (folder / name).rglob("*") if _is_image(path.relative_to(folder), path))
        if len(paths) < fewest:
            raise DatasetError(
                f"{folder / name} has {len(paths)} image(s); every class needs at least {fewest} here. "
                f"Add some ({NAMES}) or leave the class out."
            )
        found += [(path, label) for path in paths]
    return found


def _read(
    given: dict[str, list[tuple[Path, int]]],
    name: str,
    class_names: tuple[str, ...],
    image_size: int,
    split_seed: int,
    progress: Progress | None,
) -> Dataset:
    digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {image_size} {class_names}".encode())
    splits = {}
    for split, files in given.items():
        labels = np.array([label for _, label in files], np.int64)
        digest.update(split.encode() + labels.tobytes())
        convert = partial(to_input, height=image_size, width=image_size)
        images = read_pictures([path for path, _ in files], convert, digest=digest, progress=progress)
        splits[split] = Split(np.stack(images), labels)
    for missing in ("test", "validation"):
        if missing not in splits:
            wanted = round(HELD_OUT_SHARE * len(given["train"]))
            kept, held_out = stratified_split(splits["train"].labels, wanted, split_seed)
            splits[missing], splits["train"] = splits["train"].take(held_out), splits["train"].take(kept)
    return Dataset(name=name, class_names=class_names, fingerprint=f"sha256:{digest.hexdigest()}", **splits)


def read_pictures(
    paths: list[Path],
    convert: Callable[[Image.Image], Converted],
    *,
    digest: "hashlib._Hash | None" = None,
    progress: Progress | None = None,
) -> list[Converted]:
    """Return what `convert` makes of every decoded picture, and feed the files' bytes to `digest` in their order.

    `progress` hears the files done and the files in all. Raises DatasetError.
    """

    def read(path: Path) -> tuple[bytes, Converted | str]:
        try:
            content = path.read_bytes()
            return hashlib.sha256(content).digest(), convert(decode(content).picture)
        except (OSError, ImageError) as error:
            return b"", f"{path}: {error}"

    pictures, errors = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for content_digest, result in pool.map(read, paths):
            (errors if isinstance(result, str) else pictures).append(result)
            if digest:
                digest.update(content_digest)
            if progress:
                progress(len(pictures) + len(errors), len(paths))
    if errors:
        more = f"\n... and {len(errors) - _ERRORS_NAMED} more" if len(errors) > _ERRORS_NAMED else ""
        raise DatasetError(
            f"{len(errors)} of {len(paths)} images cannot be read. Remove or mend them:\n"
            + "\n".join(errors[:_ERRORS_NAMED])
            + more
        )
    return pictures


def _subfolders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_image(relative: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and is_image_file(path) and path.is_file()
