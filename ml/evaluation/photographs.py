"""Evaluate on photos: a folder for each class, and `none/` for other subjects.

Unlike CIFAR-10 they resemble uploads: how often the model is right, and whether it abstains from other subjects.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.classes import NONE_CLASS
from ml.confidence import abstention, calibration
from ml.confidence.decision import Outputs, Predictions
from ml.data import image_folder, image_reading
from ml.data.dataset import DatasetError, Progress
from ml.evaluation import metrics as evaluation
from ml.serving.inference import LoadedModel, NetworkInput

#: The score of a model of several networks: the margin of the predicting network's score above its threshold.
MARGIN = "margin"


@dataclass(frozen=True)
class Photographs:
    """known: the model's inputs for photographs of its classes; labels, int64 (N,): their classes.

    unknown: its inputs for photographs of other subjects. known_sources, unknown_sources: the source of each, see
    `source_of`.
    """

    known: list[NetworkInput]
    labels: np.ndarray
    unknown: list[NetworkInput]
    known_sources: list[str]
    unknown_sources: list[str]


@dataclass(frozen=True)
class AnsweredFigures:
    """The results on `count` photos of the classes, as shares with 95% Wilson intervals.

    accuracy: the most probable class is right, whether the model abstains or not. correct, wrong: it does not abstain,
    and is right or wrong.
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    correct: float
    correct_interval: tuple[float, float]
    wrong: float
    wrong_interval: tuple[float, float]

    @classmethod
    def of(cls, right: np.ndarray, answered: np.ndarray) -> "AnsweredFigures":
        """Count photographs by `right` and `answered`, both bool (N,)."""
        accuracy, correct, wrong = map(_share, (right, right & answered, ~right & answered))
        return cls(len(right), *accuracy, *correct, *wrong)


@dataclass(frozen=True)
class ScoreFigures:
    """How well one score separates the classes from other subjects.

    auroc: the probability that a photograph of a class scores above one of none, ties counting half; None without the
    latter. answered_known, answered_unknown: the shares that reach the model's threshold.
    """

    auroc: float | None
    answered_known: float
    answered_unknown: float | None


@dataclass(frozen=True)
class PhotographEvaluation:
    """accuracy: over images, with its 95% Wilson interval; macro_accuracy: the mean over classes of that within each.

    answered: over all photographs of the classes; per_class, per_source: within each. per_source_unknown: the share of
    photographs of none of the classes that is answered, and their number.

    expected_calibration_error: over the photographs of the classes, whether the model abstains or not.
    score: the abstention score in use; scores: all of them. networks: the number of photographs, of the classes and of
    none together, for which each of the model's networks made the prediction.
    """

    count: int
    unknown_count: int
    accuracy: float
    interval: tuple[float, float]
    macro_accuracy: float
    answered: AnsweredFigures
    per_class: dict[str, AnsweredFigures]
    per_source: dict[str, AnsweredFigures]
    per_source_unknown: dict[str, dict[str, float]]
    answered_accuracy: float | None
    mean_confidence: float
    expected_calibration_error: float
    score: str | None
    scores: dict[str, ScoreFigures]
    networks: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        return _with_lists(asdict(self))


def source_of(path: Path) -> str:
    """Return a file's source: the part of its name before the first `_`, or ""."""
    before, found, _ = path.name.partition("_")
    return before if found else ""


def load(folder: Path, model: LoadedModel, progress: Progress | None = None) -> Photographs:
    """Read the photographs as the site reads an upload. Raises DatasetError.

    Classes without a folder are left out; a folder that is no class of the model is an error.
    """
    if not image_folder.holds_classes(folder):
        raise DatasetError(f"There are no photos in {folder}. Put them in one subfolder per class.")
    classes = model.known_classes
    files = image_folder.list_images(folder, (*classes, NONE_CLASS), fewest=0)
    labels = np.array([label for _, label in files], np.int64)
    known = labels < len(classes)
    if not known.any():
        raise DatasetError(f"{folder} has no photograph of {', '.join(classes)}.")
    inputs = image_reading.read_images(
        [path for path, _ in files], lambda decoded: model.prepare(decoded.picture, decoded.size), progress=progress
    )
    return Photographs(
        [one for one, is_known in zip(inputs, known) if is_known],
        labels[known],
        [one for one, is_known in zip(inputs, known) if not is_known],
        [source_of(path) for (path, _), is_known in zip(files, known) if is_known],
        [source_of(path) for (path, _), is_known in zip(files, known) if not is_known],
    )


def evaluate(model: LoadedModel, photographs: Photographs) -> PhotographEvaluation:
    labels, classes = photographs.labels, model.known_classes
    find = _by_several if len(model.networks) > 1 else _by_one
    predictions, unknown_answered, score, scores = find(model, photographs)
    right, answered = predictions.best(model.none_index) == labels, ~predictions.abstained
    per_class = {
        classes[label]: AnsweredFigures.of(right[labels == label], answered[labels == label])
        for label in np.unique(labels)
    }
    everything = [*photographs.known, *photographs.unknown]
    over_all = AnsweredFigures.of(right, answered)
    return PhotographEvaluation(
        count=len(labels),
        unknown_count=len(photographs.unknown),
        accuracy=over_all.accuracy,
        interval=over_all.accuracy_interval,
        macro_accuracy=float(np.mean([of_class.accuracy for of_class in per_class.values()])),
        answered=over_all,
        per_class=per_class,
        per_source={
            source: AnsweredFigures.of(right[rows], answered[rows])
            for source, rows in _by_source(photographs.known_sources)
        },
        per_source_unknown={
            source: {"answered": float(unknown_answered[rows].mean()), "count": len(rows)}
            for source, rows in _by_source(photographs.unknown_sources)
        },
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
        mean_confidence=float(predictions.probabilities.max(axis=1).mean()),
        expected_calibration_error=calibration.expected_calibration_error(
            calibration.reliability(predictions.probabilities, labels)
        ),
        score=score,
        scores=scores,
        networks={name: sum(one.network == name for one in everything) for name in model.networks},
    )


def _by_source(sources: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Each source with the rows that come from it, by name."""
    names = np.array(sources, str)
    for source in np.unique(names):
        yield str(source), np.flatnonzero(names == source)


def _share(chosen: np.ndarray) -> tuple[float, tuple[float, float]]:
    return float(chosen.mean()), evaluation.wilson_interval(int(chosen.sum()), len(chosen))


def _with_lists(values: Any) -> Any:
    """The same with lists instead of tuples, as JSON returns them."""
    if isinstance(values, dict):
        return {name: _with_lists(value) for name, value in values.items()}
    return list(values) if isinstance(values, tuple) else values


#: The predictions for photographs of the classes, bool (N,) for the others whether the model answers, the abstention
#: score in use, and the figures of all scores.
_Found = tuple[Predictions, np.ndarray, str | None, dict[str, ScoreFigures]]


def _by_several(model: LoadedModel, photographs: Photographs) -> _Found:
    known = evaluation.run(model.predict, photographs.known)
    unknown = evaluation.run(model.predict, photographs.unknown) if photographs.unknown else None
    figures = {MARGIN: _figures(known.margins, unknown and unknown.margins, 0.0)}
    return known, _answered(unknown), MARGIN, figures


def _by_one(model: LoadedModel, photographs: Photographs) -> _Found:
    (network,) = model.networks.values()
    rule = network.rule

    def outputs(inputs: list[NetworkInput]) -> Outputs:
        return evaluation.run(network.outputs, np.stack([one.pixels for one in inputs]))

    known = outputs(photographs.known)
    unknown = outputs(photographs.unknown) if photographs.unknown else None
    figures = {
        name: _figures(
            rule.scores(name, known), None if unknown is None else rule.scores(name, unknown), rule.thresholds[name]
        )
        for name in rule.score_names
    }
    return rule.predict(known), _answered(unknown and rule.predict(unknown)), rule.score, figures


def _answered(predictions: Predictions | None) -> np.ndarray:
    return np.zeros(0, bool) if predictions is None else ~predictions.abstained


def _figures(known: np.ndarray, unknown: np.ndarray | None, limit: float) -> ScoreFigures:
    return ScoreFigures(
        auroc=None if unknown is None else abstention.auroc(known, unknown),
        answered_known=float((known >= limit).mean()),
        answered_unknown=None if unknown is None else float((unknown >= limit).mean()),
    )
