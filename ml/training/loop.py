"""Train a network by a recipe: pure Keras 3 `fit`, a checkpoint every epoch, and an exact resume.

All randomness in an epoch (order, augmentation, dropout) depends only on the seed and the epoch's number, so a run that
was killed and resumed gives the same result as one that was not.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ml.data.dataset import Dataset, batch_size
from ml.training import heads, transfer
from ml.training.batches import batches, in_order
from ml.training.checkpoints import Checkpoints, EpochRecord, best_epoch
from ml.training.preparation import (
    compile_network,
    find_teacher,
    initialise,
    steps_per_epoch,
    trainable_network,
    untrained_network,
)
from ml.training.reseeding import reseed_layers, reseed_pytorch
from ml.training.run_settings import RunSettings

if TYPE_CHECKING:
    import keras

_EVALUATION_BATCH = 500


class TrainingError(Exception):
    """The run cannot start, resume or continue; the message says what to do."""


class Listener(Protocol):
    """The events of a run that a caller can listen to."""

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None: ...
    def epoch_ended(self, record: EpochRecord) -> None: ...
    def should_stop(self) -> bool:
        """Called after every epoch: True stops the run there; its checkpoints are kept."""
        ...


@dataclass(frozen=True)
class TrainingResult:
    """The float32 network with the best epoch's weights, the epochs so far, and whether the run is complete."""

    model: "keras.Model"
    history: list[EpochRecord]
    best_epoch: int
    finished: bool


def train(
    settings: RunSettings, dataset: Dataset, run_folder: Path, listener: Listener, *, resume: bool = False
) -> TrainingResult:
    """Train by `settings` with checkpoints in `run_folder`; with `resume`, continue from the last one there.

    The best epoch has the highest validation accuracy (on a tie, the lower loss). Raises TrainingError, and for initial
    weights or a teacher TransferError, ArtifactError and WeightsMissing.
    """
    import keras

    if settings.fingerprint != dataset.fingerprint:
        raise TrainingError(
            "The data set is not the one this run began with. Give the same --data-dir, or start a new run under "
            "another --name."
        )
    checkpoints = Checkpoints(run_folder)
    recipe, steps = settings.recipe, steps_per_epoch(settings, dataset)
    keras.utils.set_random_seed(settings.seed)
    model = trainable_network(settings)
    if not resume or not checkpoints.latest():
        initialise(model, settings, dataset)
    teacher = find_teacher(settings)
    if not resume:
        checkpoints.clear()
        settings.save(run_folder)
    compile_network(model, settings, steps)
    history = checkpoints.restore(model)
    if len(history) < recipe.epochs and recipe.head_only:
        _fit_head(model, dataset, history, checkpoints, listener)
    elif len(history) < recipe.epochs:
        _fit(model, settings, dataset, steps, history, checkpoints, teacher, listener)
    return _result(settings, model, checkpoints)


def load_result(settings: RunSettings, dataset: Dataset, run_folder: Path) -> TrainingResult:
    """Return the state of a run from its checkpoints, on any backend. Raises TrainingError, ArtifactError."""
    model = trainable_network(settings)
    compile_network(model, settings, steps_per_epoch(settings, dataset))
    return _result(settings, model, Checkpoints(run_folder))


def _result(settings: RunSettings, model: "keras.Model", checkpoints: Checkpoints) -> TrainingResult:
    history = checkpoints.history()
    if not history:
        raise TrainingError("The run was stopped before its first epoch finished, so there is nothing to save.")
    trained = untrained_network(settings)
    checkpoints.restore_best(model)
    # With a moving average, the averaged weights are the validated ones.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    trained.set_weights(model.get_weights())
    return TrainingResult(trained, history, best_epoch(history).epoch, len(history) >= settings.recipe.epochs)


def read_history(run_folder: Path) -> list[EpochRecord]:
    """The epochs that a run has finished and checkpointed, oldest first."""
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
        reseed_layers(model, settings.seed, epoch)

    def begin_batch(batch: int, logs: dict[str, float] | None = None) -> None:
        reseed_pytorch(settings.seed, len(history), batch)

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
                on_epoch_begin=begin_epoch,
                on_train_batch_begin=begin_batch,
                on_train_batch_end=end_batch,
                on_epoch_end=end_epoch,
            ),
        ],
        # The generator has its own order; Keras would warn that it cannot shuffle one.
        shuffle=False,
        verbose=0,
    )
