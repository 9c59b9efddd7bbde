"""From ImageNet's thousand classes to those of CIFAR-10 and "none": the map, as data with its reasons."""

import csv
from importlib.resources import files

import numpy as np

from ml.classes import CLASS_NAMES, NONE_CLASS

IMAGENET_CLASSES = 1000
PHOTOGRAPH_CLASSES = (*CLASS_NAMES, NONE_CLASS)
_TABLE = files("ml") / "class_maps" / "imagenet_to_cifar10.tsv"


def read_rows() -> list[dict[str, str]]:
    """The table's rows: imagenet_index, wordnet_id, imagenet_name, class, reason. What is not in it is none of them."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def matrix() -> np.ndarray:
    """Return what sums ImageNet's probabilities into ours: 0 and 1, float32 (1000, 11), one 1 in each row."""
    sums = np.zeros((IMAGENET_CLASSES, len(PHOTOGRAPH_CLASSES)), np.float32)
    sums[:, -1] = 1
    for row in read_rows():
        index = int(row["imagenet_index"])
        sums[index] = 0
        sums[index, PHOTOGRAPH_CLASSES.index(row["class"])] = 1
    return sums
