"""From settings and data to a finished model folder: train, round, evaluate once, export, draw, write the card."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import artifacts, evaluation, training
from ml.artifacts import Card
from ml.dataset import Dataset
from ml.decision import DecisionRule, Outputs
from ml.export import export, outputs_of, round_to_float16
from ml.preprocessing import WHOLE
from ml.routing import Router
from ml.run_settings import RunSettings
from ml.training import Listener, TrainingResult

if TYPE_CHECKING:
    import keras

_IMAGES_COMPARED = 256
#: Keras exports a graph for LiteRT with this one.
_WRITING_BACKEND = "tensorflow"


class TensorFlowMissing(Exception):
    """Training needs TensorFlow, which serving does without."""

    def __init__(self) -> None:
        super().__init__("Training needs TensorFlow, which is not installed. Run: pip install -r requirements.txt")


def require_tensorflow() -> None:
    """Raise TensorFlowMissing where there is no TensorFlow, or Keras or its backend cannot be imported.

    Whatever backend trains (KERAS_BACKEND names it), TensorFlow writes the model.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if find_spec("tensorflow") is None:
        raise TensorFlowMissing
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise TensorFlowMissing from error


def backend() -> str:
    """The name of the backend that Keras runs on: `tensorflow`, `torch` or `jax`."""
    import keras

    return keras.backend.backend()


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

    A stopped run keeps its checkpoints in `run_folder`. Another backend than TensorFlow trains, but does not write: a
    process of its own does that. `report` hears the name of each step after the training.
    Raises what `training.train` does, ArtifactError (the folder is there already) or ExportError.
    """
    require_tensorflow()
    # Before hours of training, not after them.
    artifacts.check_free(model_folder)
    result = training.train(settings, dataset, run_folder, listener, resume=resume)
    if not result.finished:
        return None
    if backend() != _WRITING_BACKEND:
        report(f"write the model with {_WRITING_BACKEND}")
        with ProcessPoolExecutor(1, get_context("spawn"), _choose_writing_backend) as executor:
            return executor.submit(_write_finished, settings, dataset, run_folder, model_folder).result()
    return write_model(settings, dataset, result, model_folder, report)


class _Nobody(Listener):
    """Hears of nothing and stops nothing."""


def _choose_writing_backend() -> None:
    os.environ["KERAS_BACKEND"] = _WRITING_BACKEND


def _write_finished(settings: RunSettings, dataset: Dataset, run_folder: Path, model_folder: Path) -> Card:
    """Write the model of a run whose epochs are all there."""
    result = training.train(settings, dataset, run_folder, _Nobody(), resume=True)
    return write_model(settings, dataset, result, model_folder)


def write_model(
    settings: RunSettings,
    dataset: Dataset,
    result: TrainingResult,
    folder: Path,
    report: Callable[[str], None] = lambda step: None,
) -> Card:
    """Calibrate, evaluate and export a trained network into `folder`, with its plots and its card."""
    from ml import plots
    from ml.network_plot import save_network

    report("evaluate")
    full = _run_on_held_out(result.model, dataset)
    round_to_float16(result.model)
    outputs = _run_on_held_out(result.model, dataset)
    report("calibrate")
    training_outputs = evaluation.run(outputs_of(result.model), dataset.train.images)
    rule = DecisionRule.fit(
        training_outputs,
        dataset.train.labels,
        outputs["validation"],
        dataset.validation.labels,
        label_smoothing=settings.recipe.label_smoothing,
    )
    answers = {split: rule.answer(found) for split, found in outputs.items()}
    assessments = {
        split: evaluation.assess(answers[split], getattr(dataset, split).labels, dataset.class_names)
        for split in answers
    }
    with artifacts.writing(folder) as temporary:
        report("export")
        compared = export(result.model, temporary, dataset.validation.images[:_IMAGES_COMPARED])
        rule.statistics.save(temporary / artifacts.STATISTICS_FILE)
        report("draw")
        save_network(result.model, temporary)
        plots.save_curves(result.history, result.best_epoch, assessments["test"].evaluation, temporary)
        plots.save_assessment(assessments["test"], dataset.class_names, "test", temporary)
        plots.save_mistakes(dataset.test, answers["test"].probabilities, dataset.class_names, temporary)
        history = [asdict(record) for record in result.history]
        (temporary / artifacts.HISTORY_FILE).write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
        report("write")
        return artifacts.save_card(
            temporary,
            Card(
                name=settings.name,
                architecture=settings.architecture,
                class_names=settings.class_names,
                input_shape=settings.image_shape,
                parameter_count=result.model.count_params(),
                recipe=settings.recipe.as_dict(),
                seed=settings.seed,
                dataset=_describe_dataset(dataset, settings.limit),
                training=_describe_training(settings, result, len(dataset.train.labels)),
                export={**compared, "weights": "float16", "accuracy_float32": _accuracies(full, dataset)},
                libraries=library_versions(),
                metrics={split: assessment.as_dict() for split, assessment in assessments.items()},
                **rule.as_dict(),
                **_framing(dataset),
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        )


def _framing(dataset: Dataset) -> dict[str, dict[str, float]]:
    """What the card says of photographs: how they are framed, and what tells them from thumbnails, which are not."""
    if dataset.framing == WHOLE:
        return {}
    return {"framing": asdict(dataset.framing), "routing": asdict(Router.fit(dataset.validation.images))}


def _run_on_held_out(model: "keras.Model", dataset: Dataset) -> dict[str, Outputs]:
    network = outputs_of(model)
    return {
        name: evaluation.run(network, split.images)
        for name, split in (("validation", dataset.validation), ("test", dataset.test))
    }


def _accuracies(outputs: dict[str, Outputs], dataset: Dataset) -> dict[str, float]:
    return {
        split: float((found.logits.argmax(axis=1) == getattr(dataset, split).labels).mean())
        for split, found in outputs.items()
    }


def _describe_dataset(dataset: Dataset, limit: int | None) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "train_images": len(dataset.train.labels),
        "validation_images": len(dataset.validation.labels),
        "test_images": len(dataset.test.labels),
        "limit": limit,
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


def library_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return {"python": platform.python_version(), **versions, backend(): importlib.metadata.version(backend())}
