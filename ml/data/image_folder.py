"""Read your own images: a folder with one subfolder per class, as torchvision's ImageFolder and Keras do.

    pictures/cat/*.jpg  pictures/dog/*.jpg            a tenth each is held out for validation and for the test
    pictures/train/cat/*.jpg  pictures/test/cat/*.jpg  the splits as they are; a missing one is held out of `train`

The sub-folders' names, in alphabetical order, are the classes. Splits have one of their usual names (`SPLIT_NAMES`), in
any case. Copies of an image are kept in one split.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.classes import fault_of
from ml.data import folder_check
from ml.data.dataset import Dataset, DatasetError, Progress, Split, hold_out
from ml.data.image_reading import File, Read, read_files
from ml.images.formats import NAMES, is_image_file
from ml.images.preprocessing import PREPROCESSING_VERSION

HELD_OUT_SHARE = 0.1
#: At least one image each for training, validation and test.
FEWEST_IMAGES = 3
FEWEST_CLASSES = 2
#: Smaller images vanish after three poolings; larger ones are reduced while they are decoded, so nothing is gained.
IMAGE_SIZES = range(16, 513)
SPLIT_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "val", "valid"),
}
#: Files that macOS adds to archives.
_NO_CLASS = "__MACOSX"


class _Division(NamedTuple):
    """Indices of the images by split; whether copies changed the split; training images left out as copies."""

    indices: dict[str, np.ndarray]
    changed: bool
    left_out: np.ndarray


def holds_classes(folder: Path) -> bool:
    """Whether there are sub-folders, which may be classes."""
    return folder.is_dir() and bool(_subfolders(folder))


def load(
    folder: Path,
    *,
    image_size: int,
    split_seed: int = 0,
    progress: Progress | None = None,
    skip_unreadable: bool = False,
    scratch: Path | None = None,
) -> Dataset:
    """Read every picture as the site reads an upload, at `image_size` pixels a side.

    Missing splits are drawn by `split_seed`, with the same share of every class. Files whose suffix is not that of an
    image are left out, and with `skip_unreadable` unreadable images too. `scratch` is where decoded images are
    kept that do not fit into memory. Raises DatasetError, which names the first pictures that cannot be read.
    """
    if image_size not in IMAGE_SIZES:
        raise DatasetError(
            f"Images of {image_size} pixels a side cannot be made: choose {IMAGE_SIZES[0]} to {IMAGE_SIZES[-1]}."
        )
    places = _split_folders(folder)
    class_names = _class_names(places["train"])
    files, others = [], []
    for split, place in places.items():
        found = list_images(place, class_names, _fewest(split))
        files += [File(path, split, label) for path, label in found]
        others += _other_files(place, class_names)
    read = read_files(files, image_size, skip_unreadable=skip_unreadable, progress=progress, scratch=scratch)
    for split, place in places.items():
        _check_fewest(read.labels[read.splits == split].tolist(), place, class_names, _fewest(split))
    division = _divide(read, split_seed)
    images = Split(read.images, read.labels)
    splits = {split: images.take(indices) for split, indices in division.indices.items()}
    return Dataset(
        name=folder.resolve().name,
        class_names=class_names,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        fingerprint=_fingerprint(read, [*places], image_size, class_names, division),
        report=folder_check.report(
            read.paths,
            read.labels,
            class_names,
            copies=read.copies,
            splits=read.splits,
            skipped=[*read.skipped, *((path, "This is not an image.") for path in others)],
            left_out=division.left_out,
        ),
    )


def _fewest(split: str) -> int:
    return FEWEST_IMAGES if split == "train" else 1


def _fingerprint(
    read: Read, splits: list[str], image_size: int, class_names: tuple[str, ...], division: _Division
) -> str:
    digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {image_size} {class_names}".encode())
    for split in splits:
        of_split = np.flatnonzero(read.splits == split)
        digest.update(split.encode() + read.labels[of_split].tobytes())
        digest.update(b"".join(read.digests[index] for index in of_split))
    if division.changed:
        # Splits that ignored copies were different: a model trained on them was trained on other data.
        digest.update(b"copies in one split")
    return f"sha256:{digest.hexdigest()}"


def _divide(read: Read, seed: int) -> _Division:
    """Divide the images into the splits that the folder has, and those that it lacks."""
    given = {str(split): np.flatnonzero(read.splits == split) for split in np.unique(read.splits)}
    train = given["train"]
    copied = np.isin(read.copies[train], read.copies[read.splits != "train"])
    for label in np.unique(read.labels[train]):
        of_class = read.labels[train] == label
        # Unless too few would be left of the class.
        if np.count_nonzero(of_class & ~copied) < FEWEST_IMAGES:
            copied[of_class] = False
    indices, changed = {**given, "train": train[~copied]}, bool(copied.any())
    wanted = round(HELD_OUT_SHARE * len(train))
    for missing in ("test", "validation"):
        if missing not in given:
            rest = indices["train"]
            kept, out = hold_out(read.labels[rest], read.copies[rest], wanted, seed)
            _, out_otherwise = hold_out(read.labels[rest], rest, wanted, seed)
            changed |= not np.array_equal(out, out_otherwise)
            indices[missing], indices["train"] = rest[out], rest[kept]
    return _Division(indices, changed, train[copied])


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return the splits' folders, `train` first, or the folder itself where it is not split. Raises DatasetError."""
    names = _subfolders(folder)
    by_split = {
        split: [folder / name for name in names if name.lower() in spellings]
        for split, spellings in SPLIT_NAMES.items()
    }
    only_splits = sum(map(len, by_split.values())) == len(names)
    # A class may be called `train`.
    if not only_splits and not any(map(_subfolders, by_split["train"])):
        return {"train": folder}
    for split, places in by_split.items():
        if len(places) > 1:
            raise DatasetError(
                f"{places[0]} and {places[1]} are both folders of the {split} split. Put their images into one."
            )
    if not by_split["train"]:
        raise DatasetError(f"{folder} has {', '.join(names)} but no train/ to train on.")
    return {split: places[0] for split, places in by_split.items() if places}


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(_subfolders(folder))
    if len(names) < FEWEST_CLASSES:
        raise DatasetError(
            f"{folder} has {len(names)} sub-folder(s) of images; at least {FEWEST_CLASSES} classes are needed, each a "
            "sub-folder with its images."
        )
    for name in names:
        if fault := fault_of(name):
            raise DatasetError(f"{name!r} cannot be a class. A class {fault}. Rename the folder.")
    return names


def list_images(folder: Path, class_names: tuple[str, ...], fewest: int) -> list[tuple[Path, int]]:
    """Return every image below the classes' folders with its label, by class and then by name. Raises DatasetError."""
    if unknown := sorted(set(_subfolders(folder)) - set(class_names)):
        raise DatasetError(f"{folder / unknown[0]} is not one of the classes: {', '.join(class_names)}.")
    found = [
        (path, label) for label, name in enumerate(class_names) for path in _files(folder, name) if is_image_file(path)
    ]
    _check_fewest([label for _, label in found], folder, class_names, fewest)
    return found


def _other_files(folder: Path, class_names: tuple[str, ...]) -> list[Path]:
    return [path for name in class_names for path in _files(folder, name) if not is_image_file(path)]


def _files(folder: Path, name: str) -> list[Path]:
    """The files of a class that are not hidden, by name."""
    paths = sorted((folder / name).rglob("*"))
    return [path for path in paths if not _is_hidden(path.relative_to(folder)) and path.is_file()]


def _check_fewest(labels: list[int], folder: Path, class_names: tuple[str, ...], fewest: int) -> None:
    counts = np.bincount(np.array(labels, np.int64), minlength=len(class_names))
    for name, count in zip(class_names, counts):
        if count < fewest:
            raise DatasetError(
                f"{folder / name} has {count} image(s); every class needs at least {fewest} here. "
                f"Add some ({NAMES}) or leave the class out."
            )


def _subfolders(folder: Path) -> list[str]:
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in names if not name.startswith(".") and name != _NO_CLASS)


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)
