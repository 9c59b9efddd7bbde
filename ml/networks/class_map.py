"""From ImageNet's thousand classes to those of CIFAR-10 and "none": the map, as data with its reasons."""

import csv
from importlib.resources import files

import numpy as np

from ml.classes import CLASS_NAMES, NONE_CLASS

IMAGENET_CLASSES = 1000
DEER = "deer"
PHOTOGRAPH_CLASSES = (*CLASS_NAMES, NONE_CLASS)
_TABLE = files("ml.networks") / "class_maps" / "imagenet_to_cifar10.tsv"


def read_rows() -> list[dict[str, str]]:
    """The table's rows: imagenet_index, wordnet_id, imagenet_name, class, reason. What is not in it is none of them."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def stand_ins() -> list[int]:
    """The classes of ImageNet that stand for deer, which it has not: each counts for deer and for none, by a share."""
    return [int(row["imagenet_index"]) for row in read_rows() if row["class"] == DEER]


def matrix() -> np.ndarray:
    """Return what sums probabilities of ImageNet's classes, and of the stand-ins' twins, into ours.

    0 and 1, float32 (1000 + stand-ins, 11), one 1 in each row. A stand-in itself is none of ours, its twin is a deer.
    """
    twins = stand_ins()
    sums = np.zeros((IMAGENET_CLASSES + len(twins), len(PHOTOGRAPH_CLASSES)), np.float32)
    classes = {int(row["imagenet_index"]): row["class"] for row in read_rows() if row["class"] != DEER}
    for index in range(IMAGENET_CLASSES):
        sums[index, PHOTOGRAPH_CLASSES.index(classes.get(index, NONE_CLASS))] = 1
    sums[IMAGENET_CLASSES:, PHOTOGRAPH_CLASSES.index(DEER)] = 1
    return sums


def sums() -> np.ndarray:
    """Return what sums probabilities of ImageNet's classes into ours for a head to correct: the stand-ins are deer.

    0 and 1, float32 (1000, 11), one 1 in each row.
    """
    found = matrix()[:IMAGENET_CLASSES]
    found[stand_ins()] = 0
    found[stand_ins(), PHOTOGRAPH_CLASSES.index(DEER)] = 1
    return found
