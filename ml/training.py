"""Train a network by a recipe: pure Keras 3 `fit`, a checkpoint every epoch, and a resume that changes nothing.

Whatever is random in an epoch (order, augmentation, dropout) is drawn from the seed and the epoch's number alone, so a
run that was killed and resumed is the run that was not.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ml.architectures import find_architecture
from ml.batches import batches
from ml.checkpoints import Checkpoints, EpochRecord, best_epoch
from ml.dataset import Dataset
from ml.recipes import Recipe

if TYPE_CHECKING:
    import keras

SETTINGS_FILE = "settings.json"
_EVALUATION_BATCH = 500
_MOMENTUM = 0.9


class TrainingError(Exception):
    """The run cannot start, resume or go on; the message says what to do."""


@dataclass(frozen=True)
class RunSettings:
    """All that decides a run's outcome, beside the code: what `--resume` reads back."""

    name: str
    architecture: str
    recipe: Recipe
    seed: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fingerprint: str
    limit: int | None = None

    @classmethod
    def for_dataset(cls, dataset: Dataset, **settings: Any) -> "RunSettings":
        """Return settings whose classes, image shape and fingerprint are those of the data set."""
        return cls(
            class_names=dataset.class_names,
            image_shape=dataset.image_shape,
            fingerprint=dataset.fingerprint,
            **settings,
        )

    def save(self, run_folder: Path) -> None:
        run_folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(run_folder / SETTINGS_FILE, json.dumps(asdict(self), indent=2))

    @classmethod
    def load(cls, run_folder: Path) -> "RunSettings":
        """Raise TrainingError when the folder holds no run."""
        try:
            values = json.loads((run_folder / SETTINGS_FILE).read_text())
        except FileNotFoundError:
            raise TrainingError(f"{run_folder} holds no run to resume: there is no {SETTINGS_FILE} in it.") from None
        return cls(
            **{
                **values,
                "recipe": Recipe.from_dict(values["recipe"]),
                "class_names": tuple(values["class_names"]),
                "image_shape": tuple(values["image_shape"]),
            }
        )


class Listener(Protocol):
    """What a caller may learn while a run goes on."""

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
    """Train by `settings`, keeping checkpoints in `run_folder`; with `resume`, go on from the last one there.

    The best epoch is the one of highest validation accuracy (on a tie, the lower loss). Raises TrainingError.
    """
    import keras

    if settings.fingerprint != dataset.fingerprint:
        raise TrainingError(
            "The data set is not the one this run began with. Give the same --data-dir, or start a new run under "
            "another --name."
        )
    checkpoints = Checkpoints(run_folder)
    if not resume:
        checkpoints.clear()
        settings.save(run_folder)

    recipe = settings.recipe
    keras.utils.set_random_seed(settings.seed)
    architecture = find_architecture(settings.architecture)
    with _dtype_policy(recipe.compute_dtype):
        model = _build(settings)
    if architecture.initialise:
        architecture.initialise(model, dataset.train.images)
    # The last, shorter batch is left out: the order differs from epoch to epoch, so no image is left out for good.
    steps = max(len(dataset.train.labels) // recipe.batch_size, 1)
    model.compile(
        optimizer=_optimizer(recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    history = checkpoints.restore(model)
    if len(history) < recipe.epochs:
        _fit(model, settings, dataset, steps, history, checkpoints, listener)
    if not history:
        raise TrainingError("The run was stopped before its first epoch ended: there is nothing to keep.")
    best = best_epoch(history)
    trained = _build(settings)
    model.load_weights(checkpoints.best_path)
    # What was validated is the average, where there is one.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    trained.set_weights(model.get_weights())
    return TrainingResult(trained, history, best.epoch, len(history) >= recipe.epochs)


def _build(settings: RunSettings) -> "keras.Model":
    return find_architecture(settings.architecture).build(settings.image_shape, len(settings.class_names))


def read_history(run_folder: Path) -> list[EpochRecord]:
    """The epochs that a run has ended and checkpointed, oldest first; none for a run that never ended one."""
    return Checkpoints(run_folder).history()


def _fit(
    model: "keras.Model",
    settings: RunSettings,
    dataset: Dataset,
    steps: int,
    history: list[EpochRecord],
    checkpoints: Checkpoints,
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
        _reseed(model, settings.seed, epoch)

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
        batches(dataset.train, one_hot, recipe, settings.seed, steps, first_epoch=len(history)),
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        initial_epoch=len(history),
        validation_data=(dataset.validation.images.astype("float32"), one_hot[dataset.validation.labels]),
        validation_batch_size=_EVALUATION_BATCH,
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


def _reseed(model: "keras.Model", seed: int, epoch: int) -> None:
    """Set every dropout layer's random state from the seed and the epoch, as a resumed run has lost it."""
    for index, layer in enumerate(model.layers):
        if generator := getattr(layer, "seed_generator", None):
            state = np.random.default_rng([seed, epoch, index]).integers(0, 2**32, 2, dtype=np.uint32)
            generator.state.assign(state)


def _optimizer(recipe: Recipe, steps_per_epoch: int) -> "keras.optimizers.Optimizer":
    import keras

    total = recipe.epochs * steps_per_epoch
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch), total - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        decay_steps=total - warmup,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    shared = {
        "weight_decay": recipe.weight_decay or None,
        "use_ema": recipe.weight_average > 0,
        "ema_momentum": recipe.weight_average,
    }
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(schedule, momentum=_MOMENTUM, nesterov=True, **shared)
    else:
        optimizer = keras.optimizers.Adam(schedule, **shared)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    os.replace(temporary, path)
