"""How good a model is on labelled images: accuracy with its interval, per-class figures, the confusion matrix."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.cifar10 import Split

#: Pixels 0-255 (N, H, W, C) -> probabilities (N, classes).
Predict = Callable[[np.ndarray], np.ndarray]

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
    loss: mean negative log-likelihood, in nats. confusion: [true][predicted] counts.
    """

    count: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    per_class: dict[str, ClassFigures]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "per_class": {name: vars(figures) for name, figures in self.per_class.items()},
            "confusion": self.confusion,
        }


def evaluate(
    predict: Predict,
    split: Split,
    class_names: tuple[str, ...],
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score `predict` on a split, in batches; `progress` hears the images done and the images in all."""
    probabilities = []
    for start in range(0, len(split.labels), _BATCH):
        probabilities.append(predict(split.images[start : start + _BATCH]))
        if progress:
            progress(min(start + _BATCH, len(split.labels)), len(split.labels))
    return score(np.concatenate(probabilities), split.labels, class_names)


def score(probabilities: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> Evaluation:
    """Return the figures for probabilities (N, classes) and true labels (N,)."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(class_names), len(class_names)), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    correct = int(np.trace(confusion))
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        count=len(labels),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        loss=float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
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


def _class_figures(confusion: np.ndarray, index: int) -> ClassFigures:
    hits, predicted, support = confusion[index, index], confusion[:, index].sum(), confusion[index].sum()
    precision = float(hits / predicted) if predicted else 0.0
    recall = float(hits / support) if support else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return ClassFigures(precision, recall, f1, int(support))
