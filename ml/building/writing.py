"""From a trained network to its model folder: export, calibrate and evaluate what is served, draw, write the card."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ml.artifacts import folder as artifacts
from ml.artifacts.export import export
from ml.artifacts.folder import Card
from ml.artifacts.litert import Graph
from ml.artifacts.mistakes import save_mistakes
from ml.confidence.decision import DecisionRule, Outputs
from ml.data.dataset import Dataset, Split
from ml.evaluation import metrics as evaluation
from ml.evaluation.metrics import Assessment
from ml.training.checkpoints import EpochRecord

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Trained:
    """A trained network, and what its card is to say of how it came to be.

    accuracy_float32: that on each held-out split before `export` rounds the kernels. card: name, architecture, recipe,
    seed, dataset and training, as `ml.artifacts.folder.Card` has them.
    """

    model: "keras.Model"
    history: list[EpochRecord]
    best_epoch: int
    label_smoothing: float
    accuracy_float32: dict[str, float]
    card: dict[str, Any]


class _Probabilities(NamedTuple):
    probabilities: np.ndarray


def write(trained: Trained, dataset: Dataset, folder: Path, report: Callable[[str], None]) -> Card:
    """Write the model folder and return its card. All figures are of the graph that is served, not of Keras's network.

    Raises ExportError when the graph does not do what the network does. `report` hears the name of each step.
    """
    model, class_names = trained.model, dataset.class_names
    with artifacts.writing(folder) as temporary:
        report("export")
        exported = export(model, temporary, dataset.selection.images, dataset.selection.labels)
        report("calibrate")
        measured = _measure(temporary, dataset, trained.label_smoothing)
        report("draw")
        _draw(trained, dataset, measured, temporary, report)
        history = [asdict(record) for record in trained.history]
        (temporary / artifacts.HISTORY_FILE).write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
        report("write")
        return artifacts.save_card(
            temporary,
            Card(
                **trained.card,
                class_names=class_names,
                input_shape=dataset.image_shape,
                parameter_count=model.count_params(),
                export={**exported, "weights": "float16", "accuracy_float32": trained.accuracy_float32},
                libraries=library_versions(),
                metrics={split: assessment.as_dict() for split, assessment in measured.assessments.items()},
                **measured.rule.as_dict(),
                framing=asdict(dataset.framing),
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        )


class _Measured(NamedTuple):
    """The decision rule, and what the served graph scores with it on the splits that are reported.

    probabilities: of the test images, float32 (N, classes).
    """

    rule: DecisionRule
    assessments: dict[str, Assessment]
    probabilities: np.ndarray


def _measure(folder: Path, dataset: Dataset, label_smoothing: float) -> _Measured:
    """Fit the rule to the graph in `folder` on training and selection images, save its statistics, and score it."""
    class_names = dataset.class_names
    graph = Graph((folder / artifacts.LITERT_FILE).read_bytes(), threads=os.cpu_count() or 1)

    def outputs(split: Split) -> Outputs:
        return evaluation.run(partial(_outputs, graph, len(class_names)), split.images)

    rule = DecisionRule.fit(
        outputs(dataset.train),
        dataset.train.labels,
        outputs(dataset.selection),
        dataset.selection.labels,
        label_smoothing=label_smoothing,
    )
    if rule.statistics is not None:
        rule.statistics.save(folder / artifacts.STATISTICS_FILE)
    splits = {"validation": dataset.reporting, "test": dataset.test}
    predictions = {name: rule.predict(outputs(split)) for name, split in splits.items()}
    assessments = {
        name: evaluation.assess(predictions[name], split.labels, class_names) for name, split in splits.items()
    }
    return _Measured(rule, assessments, predictions["test"].probabilities)


def _draw(
    trained: Trained,
    dataset: Dataset,
    measured: _Measured,
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Draw all plots. One that cannot be drawn is reported and left out: a model is worth more than its pictures."""
    from ml.plots import charts as plots
    from ml.plots.architecture import save_network

    names, test = dataset.class_names, measured.assessments["test"]
    for draw in (
        partial(save_network, trained.model, folder),
        partial(plots.save_curves, trained.history, trained.best_epoch, test.evaluation, folder),
        partial(plots.save_confusion, test.evaluation, names, "test", folder),
        partial(plots.save_reliability, test, folder),
        partial(save_mistakes, dataset.test.images, dataset.test.labels, measured.probabilities, folder),
    ):
        try:
            draw()
        except Exception as error:
            name = draw.func.__name__.removeprefix("save_")
            report(f"leave out the plot {name!r}, which cannot be drawn ({type(error).__name__}: {error})")


def accuracies(model: "keras.Model", dataset: Dataset) -> dict[str, float]:
    """Return the share that the Keras network has right of the test images and of the reporting half of validation."""

    def predict(images: np.ndarray) -> _Probabilities:
        return _Probabilities(model.predict_on_batch(images.astype("float32")))

    return {
        split: float((evaluation.run(predict, images).probabilities.argmax(axis=1) == labels).mean())
        for split, (images, labels) in (("validation", dataset.reporting), ("test", dataset.test))
    }


def _outputs(graph: Graph, class_count: int, images: np.ndarray) -> Outputs:
    return Outputs.split(graph(images), class_count)


def backend() -> str:
    """The name of the backend that Keras runs on: `tensorflow`, `torch` or `jax`."""
    import keras

    return keras.backend.backend()


def library_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return {"python": platform.python_version(), **versions, backend(): importlib.metadata.version(backend())}
