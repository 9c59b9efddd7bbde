"""Find duplicate images: identical, resized, recompressed or shot in one burst.

An image is compared by a difference hash (256 signs of the brightness gradient; Krawetz 2013) and a thumbnail of 8 x 8.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

#: The largest distance of 256 bits. Copies of 300 photographs at two thirds and JPEG quality 60 differed by 5 (99% of
#: them by 21 or fewer); any two different photographs by at least 50.
_MOST_BITS = 24
#: The largest mean difference of the thumbnails' values, of 255.
_MOST_COLOUR = 4.0
#: Drawings of one kind (digits, icons) form long chains of similar images: this many similar images are not copies.
_LARGEST_GROUP = 20
_ROWS_COMPARED = 128


class Signature(NamedTuple):
    """The fingerprint of an image: `hash`, uint64 (4,), and `colour`, uint8 (192,)."""

    hash: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> "Signature":
        """Return the fingerprint of an image, uint8 (height, width, 3)."""
        picture = Image.fromarray(image)
        grey = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BILINEAR), np.int16)
        bits = np.packbits(grey[:, 1:] > grey[:, :-1]).view(np.uint64)
        return cls(bits, np.asarray(picture.resize((8, 8), Image.Resampling.BOX)).ravel())


def copies_of(image: Signature, others: Sequence[Signature]) -> np.ndarray:
    """Return which of the others are copies of the image: bool (N,)."""
    if not others:
        return np.zeros(0, bool)
    hashes = np.array([other.hash for other in others], np.uint64)
    colours = np.array([other.colour for other in others], np.int16)
    near = np.bitwise_count(hashes ^ image.hash.astype(np.uint64)).sum(axis=1) <= _MOST_BITS
    return near & (np.abs(colours - image.colour.astype(np.int16)).mean(axis=1) <= _MOST_COLOUR)


def groups(digests: Sequence[bytes], signatures: Sequence[Signature]) -> np.ndarray:
    """Return the index of every image's first copy, or its own index: int64 (N,)."""
    exact = _first_of_each(digests)
    near = exact.copy()
    for one, other in _pairs(signatures):
        first, second = sorted((_root(near, one), _root(near, other)))
        near[second] = first
    near = np.array([_root(near, index) for index in range(len(near))], np.int64)
    sizes = Counter(near.tolist())
    return np.where([sizes[group] > _LARGEST_GROUP for group in near.tolist()], exact, near)


def _first_of_each(digests: Sequence[bytes]) -> np.ndarray:
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)], np.int64)


def _root(parents: np.ndarray, index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = int(parents[index])
    return index


def _pairs(signatures: Sequence[Signature]) -> list[tuple[int, int]]:
    """The pairs of images that are almost the same."""
    hashes = np.array([signature.hash for signature in signatures], np.uint64).reshape(-1, 4)
    colours = np.array([signature.colour for signature in signatures], np.int16).reshape(-1, 192)
    found: list[tuple[int, int]] = []
    for start in range(0, len(hashes), _ROWS_COMPARED):
        block = hashes[start : start + _ROWS_COMPARED]
        # The first quarter of the bits rules out almost all.
        alike = np.bitwise_count(block[:, None, 0] ^ hashes[None, start:, 0]) <= _MOST_BITS
        one, other = np.nonzero(np.triu(alike, 1))
        one, other = one + start, other + start
        near = np.bitwise_count(hashes[one] ^ hashes[other]).sum(axis=1) <= _MOST_BITS
        one, other = one[near], other[near]
        same = np.abs(colours[one] - colours[other]).mean(axis=1) <= _MOST_COLOUR
        found += zip(one[same].tolist(), other[same].tolist())
    return found
