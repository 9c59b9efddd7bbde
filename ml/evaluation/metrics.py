"""Metrics on labelled images: accuracy with its interval, calibration, per-class figures, confusion matrix."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from ml.confidence import calibration
from ml.confidence.calibration import ReliabilityBin
from ml.confidence.decision import Predictions
from ml.data.dataset import batch_size
from ml.data.pixel_file import PixelFile

#: A named tuple of arrays, of as many rows each as there are images.
Arrays = TypeVar("Arrays", bound=tuple)

#: With fewer images, a calibration error, a Brier score and a reliability diagram are mostly chance.
FEWEST_FOR_CALIBRATION = 200

_BATCH = 250


@dataclass(frozen=True)
class ClassFigures:
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """One model on one split.

    accuracy: share of images whose most probable class is right; interval: its 95% Wilson score interval.
    top_2_accuracy: share whose class is among the two most probable. loss: mean negative log-likelihood, in nats.
    reliability: the bins that the expected calibration error is taken from. confusion: [true][predicted] counts.
    """

    count: int
    accuracy: float
    interval: tuple[float, float]
    top_2_accuracy: float
    loss: float
    brier_score: float
    expected_calibration_error: float
    reliability: list[ReliabilityBin]
    per_class: dict[str, ClassFigures]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "interval": list(self.interval)}


@dataclass(frozen=True)
class Assessment:
    """A network and its decision rule on one split.

    before_scaling: the same probabilities at temperature 1. answered: the share for which the model does not abstain.
    answered_accuracy: the accuracy on these, None if it always abstains.
    """

    evaluation: Evaluation
    before_scaling: Evaluation
    answered: float
    answered_accuracy: float | None

    def as_dict(self) -> dict[str, Any]:
        before = self.before_scaling
        return {
            **self.evaluation.as_dict(),
            "before_scaling": {
                "loss": before.loss,
                "brier_score": before.brier_score,
                "expected_calibration_error": before.expected_calibration_error,
                "reliability": [asdict(group) for group in before.reliability],
            },
            "answered": self.answered,
            "answered_accuracy": self.answered_accuracy,
        }


def run(
    network: Callable[[Any], Arrays],
    images: Sequence | np.ndarray | PixelFile,
    progress: Callable[[int, int], None] | None = None,
) -> Arrays:
    """Return the outputs of `network` for all images, a named tuple of arrays, computed in batches.

    `progress` gets the numbers of images done and in total.
    """
    parts = []
    at_once = batch_size(images.shape[1:], _BATCH) if hasattr(images, "shape") else _BATCH
    for start in range(0, len(images), at_once):
        parts.append(network(images[start : start + at_once]))
        if progress:
            progress(min(start + at_once, len(images)), len(images))
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts)))


def assess(predictions: Predictions, labels: np.ndarray, class_names: tuple[str, ...]) -> Assessment:
    """Score the predictions for images with these labels (N,)."""
    answered = ~predictions.abstained
    right = predictions.probabilities.argmax(axis=1) == labels
    return Assessment(
        evaluation=score(predictions.probabilities, labels, class_names),
        before_scaling=score(predictions.uncalibrated, labels, class_names),
        answered=float(answered.mean()),
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
    )


def score(probabilities: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> Evaluation:
    """Return the figures for probabilities (N, classes) and true labels (N,)."""
    ranking = np.argsort(-probabilities, axis=1, kind="stable")
    confusion = np.zeros((len(class_names), len(class_names)), np.int64)
    np.add.at(confusion, (labels, ranking[:, 0]), 1)
    correct = int(np.trace(confusion))
    bins = calibration.reliability(probabilities, labels)
    return Evaluation(
        count=len(labels),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        top_2_accuracy=float((ranking[:, :2] == labels[:, None]).any(axis=1).mean()),
        loss=calibration.negative_log_likelihood(probabilities, labels),
        brier_score=calibration.brier_score(probabilities, labels),
        expected_calibration_error=calibration.expected_calibration_error(bins),
        reliability=bins,
        per_class={name: _class_figures(confusion, index) for index, name in enumerate(class_names)},
        confusion=confusion.tolist(),
    )


def wilson_interval(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927), 95% by default; (0, 1) for no observations."""
    if count == 0:
        return 0.0, 1.0
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe_interval(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """The 95% interval of the first proportion minus the second, each (successes, count), of independent samples.

    The hybrid score method (Newcombe 1998, method 10).
    """
    (share, low, high), (other, other_low, other_high) = (
        (successes / count, *wilson_interval(successes, count)) for successes, count in (first, second)
    )
    difference = share - other
    return difference - math.hypot(share - low, other_high - other), difference + math.hypot(
        high - share, other - other_low
    )


def _class_figures(confusion: np.ndarray, index: int) -> ClassFigures:
    hits, predicted, support = confusion[index, index], confusion[:, index].sum(), confusion[index].sum()
    precision = float(hits / predicted) if predicted else 0.0
    recall = float(hits / support) if support else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return ClassFigures(precision, recall, f1, int(support))
