"""Reproducible images: a network's outputs for them are in its card, and identify it."""

from collections.abc import Sequence

import numpy as np

COUNT = 8
#: The largest difference of a probability between processors, by the number type of the graph: in int8, a different
#: rounding differs by a whole step.
TOLERANCES = {"float32": 1e-4, "int8": 2e-2}
_PATCHES = 5


def images(shape: Sequence[int]) -> np.ndarray:
    """Return the pictures, uint8 (COUNT, height, width, channels), for `shape` (height, width, channels).

    Patches of colour under noise, identical on every machine: nothing is resampled or rounded.
    """
    height, width, channels = shape
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 224, (COUNT, _PATCHES, _PATCHES, channels), dtype=np.uint8)
    rows, columns = np.arange(height) * _PATCHES // height, np.arange(width) * _PATCHES // width
    noise = rng.integers(0, 32, (COUNT, height, width, channels), dtype=np.uint8)
    return patches[:, rows[:, None], columns] + noise
