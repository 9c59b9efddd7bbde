"""Map ImageNet's thousand classes to CIFAR-10's and "none"; the map is data with reasons."""

import csv
from pathlib import Path

import numpy as np

from ml.classes import CLASS_NAMES, NONE_CLASS

IMAGENET_CLASSES = 1000
PHOTOGRAPH_CLASSES = (*CLASS_NAMES, NONE_CLASS)
_TABLE = Path(__file__).parent / "class_maps" / "imagenet_to_cifar10.tsv"


def read_rows() -> list[dict[str, str]]:
    """The table's rows: imagenet_index, wordnet_id, imagenet_name, class, reason. Others count as "none"."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def sums() -> np.ndarray:
    """Return the matrix that sums ImageNet's probabilities into ours: float32 (1000, 11), one 1 in each row.

    ImageNet has no deer. Its networks take photographs of deer for antelopes and wild goats, so these count as deer; a
    head learns to tell them apart.
    """
    found = np.zeros((IMAGENET_CLASSES, len(PHOTOGRAPH_CLASSES)), np.float32)
    classes = {int(row["imagenet_index"]): row["class"] for row in read_rows()}
    for index in range(IMAGENET_CLASSES):
        found[index, PHOTOGRAPH_CLASSES.index(classes.get(index, NONE_CLASS))] = 1
    return found
