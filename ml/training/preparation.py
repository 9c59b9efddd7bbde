"""Prepare a network for training by a run's settings: build, initialise and compile it; load its teacher."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.data.dataset import Dataset, Split
from ml.data.pixel_file import PixelFile
from ml.networks import torch_layers
from ml.networks.policy import dtype_policy
from ml.networks.registry import find_architecture
from ml.training import heads, optimizers, transfer
from ml.training.run_settings import RunSettings

if TYPE_CHECKING:
    import keras

#: The number of images with which an architecture is initialised if they do not fit into memory.
_IMAGES_MEASURED = 500


def trainable_network(settings: RunSettings) -> "keras.Model":
    """Return the untrained network in its training precision."""
    recipe = settings.recipe
    with dtype_policy(recipe.compute_dtype):
        model = torch_layers.faster(untrained_network(settings))
    if recipe.weight_average:
        _average_statistics(model, recipe.weight_average)
    return model


def untrained_network(settings: RunSettings) -> "keras.Model":
    return find_architecture(settings.architecture).build(settings.image_shape, len(settings.class_names))


def _average_statistics(model: "keras.Model", decay: float) -> None:
    """Average batch-norm statistics over as many steps as the weights.

    With statistics of the last steps only, the averaged network lost three points of accuracy.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = decay


def initialise(model: "keras.Model", settings: RunSettings, dataset: Dataset) -> None:
    architecture = find_architecture(settings.architecture)
    if settings.initialise and architecture.initialise:
        architecture.initialise(model, _some_images(dataset.train))
    untrained = False
    if settings.initial_weights:
        untrained = model.layers[-1].name in transfer.take_weights(model, settings.initial_weights)
    elif settings.initialise and architecture.load_pretrained:
        architecture.load_pretrained(model, Path(settings.weights_file) if settings.weights_file else None)
        untrained = True
    if untrained and architecture.load_pretrained and not settings.recipe.head_only:
        heads.fit_head(model, dataset.train, dataset.selection)


def _some_images(split: Split) -> np.ndarray:
    """All images, or a sample if they do not fit into memory."""
    if not isinstance(split.images, PixelFile):
        return split.images
    return split.images[np.linspace(0, len(split.labels) - 1, _IMAGES_MEASURED).astype(int)]


def find_teacher(settings: RunSettings) -> transfer.Teacher | None:
    if settings.teacher is None:
        return None
    return transfer.teacher(
        settings.teacher,
        class_names=settings.class_names,
        image_shape=settings.image_shape,
        temperature=settings.recipe.distillation_temperature,
        compute_dtype=settings.recipe.compute_dtype,
    )


def steps_per_epoch(settings: RunSettings, dataset: Dataset) -> int:
    """Batches per epoch, without the last, shorter one; each epoch's order leaves out other images."""
    return max(len(dataset.train.labels) // settings.recipe.batch_size, 1)


def compile_network(model: "keras.Model", settings: RunSettings, steps: int) -> None:
    import keras

    model.compile(
        optimizer=optimizers.optimizer(settings.recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
