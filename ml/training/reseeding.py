"""Reseed dropout from the seed and the epoch, so that a resumed run repeats it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def reseed(model: "keras.Model", seed: int, epoch: int) -> None:
    """Set the random state of dropout from the seed and the epoch, as a resumed run has lost it."""
    import keras

    for path, generator in _seed_generators(model.layers):
        state = np.random.default_rng([seed, epoch, *path]).integers(0, 2**32, 2, dtype=np.uint32)
        generator.state.assign(state)
    # Keras's dropout on PyTorch draws from PyTorch's own generator and ignores those of the layers.
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(int(np.random.default_rng([seed, epoch]).integers(2**63)))


def _seed_generators(
    layers: list["keras.layers.Layer"], path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], "keras.random.SeedGenerator"]]:
    """The layers' random states with their places, those of layers within layers too."""
    for index, layer in enumerate(layers):
        if generator := getattr(layer, "seed_generator", None):
            yield (*path, index), generator
        yield from _seed_generators(getattr(layer, "layers", []), (*path, index))
