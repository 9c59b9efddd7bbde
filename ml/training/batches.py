"""Training batches: order, augmentation and mixup, determined by the seed and the epoch."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ml.data.dataset import Split
from ml.training.recipes import Recipe
from ml.training.transfer import Teacher

if TYPE_CHECKING:
    import keras


def batches(
    split: Split,
    one_hot: np.ndarray,
    recipe: Recipe,
    seed: int,
    steps: int,
    *,
    first_epoch: int,
    teacher: Teacher | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Augmented batches without end; an epoch's order and augmentation depend only on the seed and its number.

    With a teacher, the recipe's share of every target is the teacher's prediction for the augmented image.
    """
    mirrored_first = np.random.default_rng([seed]).random(len(split.labels)) < 0.5
    for epoch in itertools.count(first_epoch):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(split.labels))
        for step in range(steps):
            chosen = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            images = split.images[chosen]
            if recipe.augmentation.alternating_flip:
                images = _alternate(images, mirrored_first[chosen] ^ bool(epoch % 2))
            images = recipe.augmentation.apply(images, rng).astype("float32")
            targets = one_hot[split.labels[chosen]]
            if recipe.mixup:
                images, targets = _mix(images, targets, recipe.mixup, rng)
            if teacher:
                targets = (1 - recipe.distillation) * targets + recipe.distillation * teacher(images)
            yield images, targets


def in_order(split: Split, one_hot: np.ndarray, batch_size: int) -> "keras.utils.PyDataset":
    """The split without augmentation, in batches for Keras: only one of them is in memory as float32."""
    import keras

    class InOrder(keras.utils.PyDataset):
        def __len__(self) -> int:
            return -(-len(split.labels) // batch_size)

        def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
            part = slice(number * batch_size, (number + 1) * batch_size)
            return split.images[part].astype("float32"), one_hot[split.labels[part]]

    return InOrder()


def _alternate(images: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def _mix(
    images: np.ndarray, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Blend every image of the batch, and its target, with another's (Zhang et al. 2018)."""
    share = rng.beta(alpha, alpha, len(images)).astype("float32")
    partner = rng.permutation(len(images))
    of_images, of_targets = share[:, None, None, None], share[:, None]
    return (
        of_images * images + (1 - of_images) * images[partner],
        of_targets * targets + (1 - of_targets) * targets[partner],
    )
