"""Choose the reader of a data set: CIFAR-10's binary layout, or a folder of images."""

from collections.abc import Callable
from pathlib import Path

from ml.artifacts.folder import Card
from ml.classes import IMAGE_SHAPE
from ml.data import cifar10, image_folder
from ml.data.dataset import Dataset, DatasetError, Progress

DEFAULT_IMAGE_SIZE = IMAGE_SHAPE[0]


def load_for(
    class_names: tuple[str, ...],
    image_size: int,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    *,
    warn: Callable[[str], None],
) -> Dataset:
    """Read the data set to measure a model of these classes on. Raises DatasetError, also if it has other classes.

    Files that cannot be read are skipped, as by `manage.py train --skip-unreadable`; if they were not skipped there,
    the fingerprint differs. `warn` is told how many and which.
    """
    dataset = load_dataset(data_dir, image_size=image_size, progress=progress, skip_unreadable=True)
    if dataset.class_names != class_names:
        raise DatasetError(
            f"The data set's classes are {', '.join(dataset.class_names)}; the model knows {', '.join(class_names)}."
        )
    if dataset.report and (skipped := dataset.report.skipped_in_words()):
        warn(skipped)
    return dataset


def learnt_from(card: Card, dataset: Dataset) -> Dataset | None:
    """Return the part of a data set that the model of this card was trained on; None if it was trained on another."""
    if dataset.fingerprint != card.dataset.get("fingerprint"):
        return None
    limit = card.dataset.get("limit")
    return dataset.limited(limit, test_count=card.dataset.get("test_images")) if limit else dataset


def load_dataset(
    data_dir: Path | None = None,
    *,
    image_size: int | None = None,
    default_image_size: int = DEFAULT_IMAGE_SIZE,
    progress: Progress | None = None,
    skip_unreadable: bool = False,
    scratch: Path | None = None,
) -> Dataset:
    """Read the data set in `data_dir`; by default CIFAR-10, from CIFAR10_DIR or the network.

    A folder's images are resized to `image_size`, or else `default_image_size`, pixels a side. `skip_unreadable` leaves
    out those that cannot be read; `scratch` is a folder for images that do not fit into memory.
    Raises DatasetError.
    """
    # A shell leaves the "~" of --data-dir=~/pictures to the program.
    data_dir = data_dir and data_dir.expanduser()
    if data_dir is None or cifar10.locate(data_dir):
        if image_size not in (None, DEFAULT_IMAGE_SIZE):
            raise DatasetError(
                f"CIFAR-10's images have {DEFAULT_IMAGE_SIZE} pixels a side: leave the image size out. "
                "It is for a folder of your own pictures."
            )
        return cifar10.load(data_dir, progress=progress)
    if image_folder.holds_classes(data_dir):
        return image_folder.load(
            data_dir,
            image_size=image_size or default_image_size,
            progress=progress,
            skip_unreadable=skip_unreadable,
            scratch=scratch,
        )
    raise DatasetError(
        f"There is no data set in {data_dir}: neither CIFAR-10's binary version ({cifar10.TRAIN_FILES[0]} and the "
        "others) nor one sub-folder of images for each class."
    )
