"""Train a network by a recipe: pure Keras 3 `fit`, a checkpoint every epoch, and a resume that changes nothing.

Whatever is random in an epoch (order, augmentation, dropout) is drawn from the seed and the epoch's number alone, so a
run that was killed and resumed is the run that was not.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ml.data.dataset import Dataset, Split, batch_size
from ml.data.pixel_file import PixelFile
from ml.networks import torch_layers
from ml.networks.policy import dtype_policy
from ml.networks.registry import find_architecture
from ml.training import heads, optimizers, transfer
from ml.training.batches import batches, in_order
from ml.training.checkpoints import Checkpoints, EpochRecord, best_epoch
from ml.training.reseeding import reseed
from ml.training.run_settings import RunSettings

if TYPE_CHECKING:
    import keras

_EVALUATION_BATCH = 500
#: The number of images with which an architecture is initialised if they do not fit into memory.
_IMAGES_MEASURED = 500


class TrainingError(Exception):
    """The run cannot start, resume or continue; the message says what to do."""


class Listener(Protocol):
    """The events of a run that a caller can listen to."""

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None: ...
    def epoch_ended(self, record: EpochRecord) -> None: ...
    def should_stop(self) -> bool:
        """Asked after every epoch: True ends the run there, its work kept."""
        ...


@dataclass(frozen=True)
class TrainingResult:
    """The float32 network with the best epoch's weights, every epoch, and whether all of them were run."""

    model: "keras.Model"
    history: list[EpochRecord]
    best_epoch: int
    finished: bool


def train(
    settings: RunSettings, dataset: Dataset, run_folder: Path, listener: Listener, *, resume: bool = False
) -> TrainingResult:
    """Train by `settings`, keeping checkpoints in `run_folder`; with `resume`, continue from the last one there.

    The best epoch is the one of highest validation accuracy (on a tie, the lower loss). Raises TrainingError; for
    what it begins from or learns from TransferError, ArtifactError and WeightsMissing.
    """
    import keras

    if settings.fingerprint != dataset.fingerprint:
        raise TrainingError(
            "The data set is not the one this run began with. Give the same --data-dir, or start a new run under "
            "another --name."
        )
    checkpoints = Checkpoints(run_folder)
    recipe = settings.recipe
    keras.utils.set_random_seed(settings.seed)
    with dtype_policy(recipe.compute_dtype):
        model = torch_layers.faster(_build(settings))
    if recipe.weight_average:
        _average_statistics(model, recipe.weight_average)
    if not resume or not checkpoints.latest():
        _initialise(model, settings, dataset)
    teacher = _teacher(settings)
    if not resume:
        checkpoints.clear()
        settings.save(run_folder)
    # The last, shorter batch is left out: the order differs from epoch to epoch, so no image is always left out.
    steps = max(len(dataset.train.labels) // recipe.batch_size, 1)
    model.compile(
        optimizer=optimizers.optimizer(recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    history = checkpoints.restore(model)
    if len(history) < recipe.epochs and recipe.head_only:
        _fit_head(model, dataset, history, checkpoints, listener)
    elif len(history) < recipe.epochs:
        _fit(model, settings, dataset, steps, history, checkpoints, teacher, listener)
    if not history:
        raise TrainingError("The run was stopped before its first epoch finished, so there is nothing to save.")
    best = best_epoch(history)
    trained = _build(settings)
    checkpoints.restore_best(model)
    # The validated weights are the average, if there is one.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    trained.set_weights(model.get_weights())
    return TrainingResult(trained, history, best.epoch, len(history) >= recipe.epochs)


def _build(settings: RunSettings) -> "keras.Model":
    return find_architecture(settings.architecture).build(settings.image_shape, len(settings.class_names))


def _average_statistics(model: "keras.Model", decay: float) -> None:
    """Let batch normalisation measure over as many steps as the weights are averaged over: they belong together.

    With statistics of the last steps alone the averaged network was seen to lose three points of accuracy.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = decay


def _initialise(model: "keras.Model", settings: RunSettings, dataset: Dataset) -> None:
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
    """All images, or some of those that do not fit into memory."""
    if not isinstance(split.images, PixelFile):
        return split.images
    return split.images[np.linspace(0, len(split.labels) - 1, _IMAGES_MEASURED).astype(int)]


def _teacher(settings: RunSettings) -> transfer.Teacher | None:
    if settings.teacher is None:
        return None
    return transfer.teacher(
        settings.teacher,
        class_names=settings.class_names,
        image_shape=settings.image_shape,
        temperature=settings.recipe.distillation_temperature,
        compute_dtype=settings.recipe.compute_dtype,
    )


def read_history(run_folder: Path) -> list[EpochRecord]:
    """The epochs that a run has ended and checkpointed, oldest first; none for a run that never ended one."""
    return Checkpoints(run_folder).history()


def _fit_head(
    model: "keras.Model",
    dataset: Dataset,
    history: list[EpochRecord],
    checkpoints: Checkpoints,
    listener: Listener,
) -> None:
    """Fit the last layer, which counts as an epoch, the only one."""
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        listener.batch_ended(1, done, total, 0.0, 0.0)

    found = heads.fit_head(model, dataset.train, dataset.selection, show)
    record = EpochRecord(epoch=1, **found._asdict(), learning_rate=0.0, seconds=time.monotonic() - started)
    history.append(record)
    checkpoints.save(model, history)
    listener.epoch_ended(record)


def _fit(
    model: "keras.Model",
    settings: RunSettings,
    dataset: Dataset,
    steps: int,
    history: list[EpochRecord],
    checkpoints: Checkpoints,
    teacher: transfer.Teacher | None,
    listener: Listener,
) -> None:
    """Run the epochs that `history` lacks, appending to it and checkpointing after each."""
    import keras

    recipe = settings.recipe
    one_hot = np.eye(len(settings.class_names), dtype="float32")
    started = 0.0

    def begin_epoch(epoch: int, logs: dict[str, float] | None = None) -> None:
        nonlocal started
        started = time.monotonic()
        reseed(model, settings.seed, epoch)

    def end_batch(batch: int, logs: dict[str, float]) -> None:
        listener.batch_ended(len(history) + 1, batch + 1, steps, float(logs["loss"]), float(logs["accuracy"]))

    def end_epoch(epoch: int, logs: dict[str, float]) -> None:
        record = EpochRecord(
            epoch=epoch + 1,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            validation_loss=float(logs["val_loss"]),
            validation_accuracy=float(logs["val_accuracy"]),
            learning_rate=float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
            seconds=time.monotonic() - started,
        )
        history.append(record)
        checkpoints.save(model, history)
        listener.epoch_ended(record)
        if listener.should_stop():
            model.stop_training = True

    model.fit(
        batches(dataset.train, one_hot, recipe, settings.seed, steps, first_epoch=len(history), teacher=teacher),
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        initial_epoch=len(history),
        validation_data=in_order(dataset.selection, one_hot, batch_size(settings.image_shape, _EVALUATION_BATCH)),
        callbacks=[
            *([keras.callbacks.SwapEMAWeights()] if recipe.weight_average else []),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=begin_epoch, on_train_batch_end=end_batch, on_epoch_end=end_epoch
            ),
        ],
        # The generator has its own order; Keras would warn that it cannot shuffle one.
        shuffle=False,
        verbose=0,
    )
