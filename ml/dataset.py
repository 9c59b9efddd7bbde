"""What a labelled set of images is to training and evaluation, whichever reader it came from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ml.preprocessing import WHOLE, Framing

#: Called with what is done and what there is in all (None when unknown): bytes of a download, files of a folder.
Progress = Callable[[int, int | None], None]


class DatasetError(Exception):
    """The data set is missing, damaged or cannot be fetched; the message names the file and the remedy."""


class Split(NamedTuple):
    """Images, uint8 (N, height, width, 3), and their labels, int64 (N,): positions in the list of class names."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Split":
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """Three splits of one data set; `fingerprint` is the SHA-256 of the bytes that they were read from.

    framing: what part of a photograph is most like these images. test_images_available: how many images the test split
    has in all, where this one is a subset of it.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    fingerprint: str
    framing: Framing = WHOLE
    test_images_available: int | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.train.images.shape[1:]

    def limited(self, count: int, *, test_count: int | None = None) -> "Dataset":
        """Keep `count` training images, a tenth of it for validation, and as many test images, or `test_count`.

        Every class gives the same share.
        """
        test = _limited(self.test, test_count or count)
        return replace(
            self,
            train=_limited(self.train, count),
            validation=_limited(self.validation, max(count // 10, len(self.class_names))),
            test=test,
            test_images_available=None if test is self.test else len(self.test.labels),
        )


def stratified_split(labels: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted indices kept and those held out, drawn by `seed`.

    Every class gives the same share of its images, rounded, and at least one.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    classes, counts = np.unique(labels, return_counts=True)
    for label, count in zip(classes, _shares(counts, held_out)):
        chosen.append(rng.permutation(np.flatnonzero(labels == label))[:count])
    out = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(labels)), out), out


def _shares(counts: np.ndarray, wanted: int) -> np.ndarray:
    """Divide `wanted` over classes of these sizes, in proportion, by largest remainders; at least one each."""
    exact = counts * (wanted / counts.sum())
    shares = np.floor(exact).astype(int)
    # A stable order: of equal remainders the first classes get the rest.
    largest_first = np.argsort(-(exact - shares), kind="stable")
    shares[largest_first[: wanted - shares.sum()]] += 1
    return np.maximum(shares, 1)


def _limited(split: Split, count: int) -> Split:
    if count >= len(split.labels):
        return split
    _, kept = stratified_split(split.labels, count, seed=0)
    return split.take(kept)
