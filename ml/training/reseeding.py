"""Reseed dropout from the seed, the epoch and the batch, so that a resumed run repeats it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def reseed_layers(model: "keras.Model", seed: int, epoch: int) -> None:
    """Set the random states of the layers before an epoch, as a resumed run has lost them."""
    for path, generator in _seed_generators(model.layers):
        state = np.random.default_rng([seed, epoch, *path]).integers(0, 2**32, 2, dtype=np.uint32)
        generator.state.assign(state)


def reseed_pytorch(seed: int, epoch: int, batch: int) -> None:
    """Set PyTorch's own random state before a batch; other backends of Keras have none.

    Keras's dropout on PyTorch draws from it and ignores the states of the layers. So does a data loader when its first
    batch is requested, once per run: an epoch that is reseeded only at its start would differ from a resumed one.
    """
    import keras

    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(int(np.random.default_rng([seed, epoch, batch]).integers(2**63)))


def _seed_generators(
    layers: list["keras.layers.Layer"], path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], "keras.random.SeedGenerator"]]:
    """The layers' random states with their places, those of layers within layers too."""
    for index, layer in enumerate(layers):
        if generator := getattr(layer, "seed_generator", None):
            yield (*path, index), generator
        yield from _seed_generators(getattr(layer, "layers", []), (*path, index))
