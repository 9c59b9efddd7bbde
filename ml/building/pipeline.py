"""From settings and data to a finished model folder: train, quantise and write."""

import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.folder import ArtifactError, Card
from ml.building import writing
from ml.data.dataset import Dataset
from ml.training import loop as training
from ml.training.checkpoints import EpochRecord
from ml.training.loop import Listener, TrainingResult
from ml.training.run_settings import RunSettings

#: The backend with which Keras exports a graph for LiteRT.
_WRITING_BACKEND = "tensorflow"


class TensorFlowMissing(Exception):
    """TensorFlow is missing; training needs it, serving does not."""

    def __init__(self) -> None:
        super().__init__("Training needs TensorFlow, which is not installed. Run: pip install -r requirements.txt")


def require_tensorflow() -> None:
    """Raise TensorFlowMissing if TensorFlow, Keras or its backend cannot be imported.

    TensorFlow writes the model, whatever backend trains (KERAS_BACKEND).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if find_spec("tensorflow") is None:
        raise TensorFlowMissing
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise TensorFlowMissing from error


def produce(
    settings: RunSettings,
    dataset: Dataset,
    *,
    run_folder: Path,
    model_folder: Path,
    listener: Listener,
    resume: bool = False,
    report: Callable[[str], None] = lambda step: None,
) -> Card | None:
    """Train and write `model_folder`; return its card, or None when the run was stopped before all its epochs.

    A stopped run keeps its checkpoints in `run_folder`. After training on another backend, a separate process with
    TensorFlow writes the model. `report` gets the name of each step after the training.
    Raises what `training.train` does, ArtifactError (the folder is there already) or ExportError.
    """
    require_tensorflow()
    artifacts.check_writable(model_folder)
    result = training.train(settings, dataset, run_folder, listener, resume=resume)
    if not result.finished:
        return None
    if writing.backend() != _WRITING_BACKEND:
        report(f"write the model with {_WRITING_BACKEND}")
        with ProcessPoolExecutor(1, get_context("spawn"), _choose_writing_backend) as executor:
            return executor.submit(_write_finished, settings, dataset, run_folder, model_folder).result()
    return write_model(settings, dataset, result, model_folder, report)


def _choose_writing_backend() -> None:
    os.environ["KERAS_BACKEND"] = _WRITING_BACKEND


def _write_finished(settings: RunSettings, dataset: Dataset, run_folder: Path, model_folder: Path) -> Card:
    """Write the model of a run that has finished all epochs."""
    return write_model(settings, dataset, training.load_result(settings, dataset, run_folder), model_folder)


def write_model(
    settings: RunSettings,
    dataset: Dataset,
    result: TrainingResult,
    folder: Path,
    report: Callable[[str], None] = lambda step: None,
) -> Card:
    """Export, calibrate and evaluate a trained network into `folder`, with its plots and its card."""
    report("evaluate")
    accuracies = writing.accuracies(result.model, dataset)
    trained = writing.Trained(
        model=result.model,
        history=result.history,
        best_epoch=result.best_epoch,
        label_smoothing=settings.recipe.label_smoothing,
        accuracy_float32=accuracies,
        card={
            "name": settings.name,
            "architecture": settings.architecture,
            "recipe": settings.recipe.as_dict(),
            "seed": settings.seed,
            "dataset": _describe_dataset(dataset, settings.limit),
            "training": _describe_training(settings, result, len(dataset.train.labels)),
        },
    )
    return writing.write(trained, dataset, folder, report)


def write_again(
    source: Path, dataset: Dataset, folder: Path, report: Callable[[str], None] = lambda step: None
) -> Card:
    """Export, calibrate and evaluate the network of the model folder `source` anew into `folder`.

    dataset: the one that it was trained on. Raises ArtifactError (another data set, several networks, `folder` is there
    already) or ExportError.
    """
    require_tensorflow()
    import keras

    artifacts.check_free(folder)
    card = artifacts.verify(source)
    if card.networks:
        raise ArtifactError(f"{card.name} is made of {', '.join(card.networks)}: combine it again.")
    part = readers.learnt_from(card, dataset)
    if part is None:
        raise ArtifactError(f"{card.name} was trained on a different data set: {card.dataset['name']}.")
    trained = writing.Trained(
        model=keras.models.load_model(source / artifacts.KERAS_FILE, compile=False),
        history=[EpochRecord(**record) for record in artifacts.read_history(source)],
        best_epoch=card.training["best_epoch"],
        label_smoothing=card.recipe["label_smoothing"],
        accuracy_float32=card.export["accuracy_float32"],
        card={name: getattr(card, name) for name in ("name", "architecture", "recipe", "seed", "dataset", "training")},
    )
    return writing.write(trained, part, folder, report)


def _describe_dataset(dataset: Dataset, limit: int | None) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "train_images": len(dataset.train.labels),
        "validation_images": len(dataset.validation.labels),
        "selection_images": len(dataset.selection.labels),
        "test_images": len(dataset.test.labels),
        "limit": limit,
        **({"test_images_available": dataset.test_images_available} if dataset.test_images_available else {}),
    }


def _describe_training(settings: RunSettings, result: TrainingResult, images: int) -> dict[str, Any]:
    seconds = sum(record.seconds for record in result.history)
    return {
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        **{
            role: {"name": source.name, "sha256": source.sha256}
            for role, source in (("initial_weights", settings.initial_weights), ("teacher", settings.teacher))
            if source
        },
        "seconds": round(seconds, 1),
        "images_per_second": round(images * len(result.history) / seconds, 1),
        "backend": settings.backend,
        "processor_count": os.cpu_count(),
        "machine": platform.machine(),
    }
