"""A labelled data set with its splits, whichever reader it came from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ml.data.folder_report import FolderReport
from ml.data.pixel_file import PixelFile
from ml.images.preprocessing import WHOLE, Framing

#: Smaller validation splits are not divided into halves.
FEWEST_IN_HALF = 200
#: The pixels per batch: 250 images of 64 pixels a side.
_MOST_VALUES = 250 * 64 * 64 * 3
#: Called with the progress and the total (None if unknown): bytes of a download, files of a folder.
Progress = Callable[[int, int | None], None]


class DatasetError(Exception):
    """The data set is missing, damaged or cannot be fetched; the message names the file and the remedy."""


class Split(NamedTuple):
    """Images, uint8 (N, height, width, 3), and their labels, int64 (N,): positions in the list of class names.

    Read images in batches: they may be in a file, because they do not fit into memory.
    """

    images: np.ndarray | PixelFile
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Split":
        images = self.images
        taken = images.rows(indices) if isinstance(images, PixelFile) else images[indices]
        return Split(taken, self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """Three splits of one data set; `fingerprint` is the SHA-256 of the bytes that they were read from.

    framing: the crop of a photograph that is most like these images. test_images_available: the size of the whole test
    split, if this one is a subset of it. report: what was found in the folder that it was read from.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    fingerprint: str
    framing: Framing = WHOLE
    test_images_available: int | None = None
    report: FolderReport | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.train.images.shape[1:]

    @cached_property
    def selection(self) -> Split:
        """The half of the validation images for choosing the best epoch, temperature, thresholds and arithmetic."""
        return self.validation.take(self._halves[0])

    @cached_property
    def reporting(self) -> Split:
        """The other half, for reporting calibration; both are the whole split if a half would be too small."""
        return self.validation.take(self._halves[1])

    @cached_property
    def _halves(self) -> tuple[np.ndarray, np.ndarray]:
        count = len(self.validation.labels)
        if count < 2 * FEWEST_IN_HALF:
            return np.arange(count), np.arange(count)
        return stratified_split(self.validation.labels, count // 2, seed=0)

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


def batch_size(image_shape: tuple[int, ...], most: int) -> int:
    """The batch size for images of this shape: `most`, or fewer large ones to limit memory."""
    return max(1, min(most, _MOST_VALUES // int(np.prod(image_shape))))


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


def hold_out(labels: np.ndarray, groups: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `stratified_split` does, but with all images of a group (N,), copies of each other, on one side.

    A class that consists of copies of one image is split nevertheless.
    """
    kept, out = stratified_split(labels, held_out, seed)
    torn = np.isin(groups[out], groups[kept])
    if not torn.any():
        return kept, out
    rng = np.random.default_rng(seed)
    moved, replacing = [], []
    for label in np.unique(labels[out[torn]]):
        back = out[torn & (labels[out] == label)]
        single = kept[(labels[kept] == label) & ~np.isin(groups[kept], groups[out]) & _alone(groups)[kept]]
        drawn = rng.permutation(single)[: min(len(back), len(single) - 1)] if len(single) > 1 else single[:0]
        if len(drawn) or np.count_nonzero(labels[out] == label) > len(back):
            moved.append(back)
            replacing.append(drawn)
    out = np.union1d(np.setdiff1d(out, np.concatenate([*moved, []])), np.concatenate([*replacing, []])).astype(int)
    return np.setdiff1d(np.arange(len(labels)), out), out


def _alone(groups: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return counts[inverse] == 1


def _shares(counts: np.ndarray, wanted: int) -> np.ndarray:
    """Divide `wanted` over classes of these sizes, in proportion, by largest remainders; at least one each."""
    exact = counts * (wanted / counts.sum())
    shares = np.floor(exact).astype(int)
    # A stable order: with equal remainders the first classes get the rest.
    largest_first = np.argsort(-(exact - shares), kind="stable")
    shares[largest_first[: wanted - shares.sum()]] += 1
    return np.maximum(shares, 1)


def _limited(split: Split, count: int) -> Split:
    if count >= len(split.labels):
        return split
    _, kept = stratified_split(split.labels, count, seed=0)
    return split.take(kept)
