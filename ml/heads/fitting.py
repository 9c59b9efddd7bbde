"""Fit a head to labelled features, and measure it on images that it has not learnt from."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.confidence import abstention, calibration
from ml.confidence.decision import Predictions
from ml.heads import splits
from ml.heads.background import Background
from ml.heads.components import principal
from ml.heads.head import Head, normalised
from ml.heads.likeness import Likeness

#: Inverse strengths of the penalty on weights, for features of unit variance in all; the strongest comes first.
STRENGTHS = (1.0, 10.0, 100.0)
#: The principal components that a head learns from; for so many images or fewer nothing is lost.
COMPONENTS = 256
#: How often the folds are drawn where they judge.
REPETITIONS = 3
#: A weaker penalty is taken for a gain in nats of at least this.
_LEAST_GAIN = 1e-3
_STEPS = 300
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Measured:
    """A head and its answers for the images that judge it.

    judged: rows of the images. predictions: of these. cross_validated: whether heads of other folds answered, for too
    few images could be held out. out_of_fold: probabilities, (N, classes), for the images that it learnt from; zero
    for others.
    """

    head: Head
    judged: np.ndarray
    predictions: Predictions
    cross_validated: bool
    out_of_fold: np.ndarray
    strength: float


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str],
    held_out: np.ndarray,
    class_names: Sequence[str],
    background: Background | None = None,
) -> Measured:
    """Fit a head to features (N, F) with labels (N,), and measure it.

    groups: images of one group are copies, and never on both sides of a split. held_out: bool (N,); these judge, and
    are not learnt from, if every class has enough images; else folds judge. background: that of the backbone, if one is
    known. Raises ValueError for a class with fewer than two different images.
    """
    from threadpoolctl import threadpool_limits

    # The threads of small products of matrices wait for each other where others work, too: 14 s instead of 1 for sixty
    # images on two busy processors.
    with threadpool_limits(1):
        return _fit(features, labels, groups, held_out, class_names, background)


def _fit(
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str],
    held_out: np.ndarray,
    class_names: Sequence[str],
    background: Background | None,
) -> Measured:
    learnt = np.arange(len(labels))
    if holds_out := _can_hold_out(labels, held_out, len(class_names)):
        learnt = np.flatnonzero(~held_out)
    data = _Data(normalised(features)[learnt], labels[learnt], tuple(class_names), background)
    names = np.asarray(groups)[learnt]
    strength, first = _choose(data, data.folds(names, seed=0))
    head = _head(data, strength, first)
    out_of_fold = np.zeros((len(labels), len(class_names)), np.float32)
    out_of_fold[learnt[first.rows]] = calibration.softmax(first.logits[first.rows], head.temperature)
    if holds_out:
        judged = np.flatnonzero(held_out)
        return Measured(head, judged, head.predict(features[judged]), False, out_of_fold, strength)
    drawn = [_folded(data, data.folds(names, seed), strength) for seed in range(1, REPETITIONS)]
    # Of several draws the one in the middle: its counts are of whole images.
    typical = sorted([first, *drawn], key=lambda one: one.accuracy(data.y))[REPETITIONS // 2]
    judged = np.flatnonzero(typical.rows)
    # By the temperature and the threshold of the whole.
    predictions = head.decide(typical.logits[judged], typical.scores[judged])
    return Measured(head, judged, predictions, True, out_of_fold, strength)


def _can_hold_out(labels: np.ndarray, held_out: np.ndarray, classes: int) -> bool:
    rows = [labels == label for label in range(classes)]
    return all(
        of.sum() >= splits.FEWEST_TO_HOLD_OUT and held_out[of].any() and (~held_out[of]).sum() > 1 for of in rows
    )


@dataclass(frozen=True)
class _Folded:
    """Out-of-fold logits (N, classes) and likeness (N,) of the rows that were judged, bool (N,)."""

    logits: np.ndarray
    scores: np.ndarray
    rows: np.ndarray

    def accuracy(self, y: np.ndarray) -> float:
        return float((self.logits.argmax(axis=1) == y)[self.rows].mean())


@dataclass(frozen=True)
class _Data:
    """Normalised features (N, F) with their labels."""

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    background: Background | None

    def likeness(self, rows: slice | np.ndarray = slice(None)) -> Likeness:
        return Likeness.fit(self.x[rows], self.y[rows], len(self.class_names), self.background)

    def folds(self, groups: np.ndarray, seed: int) -> "list[_Fold]":
        return [_Fold(self, train, test) for train, test in splits.folds(self.y, groups, seed)]


class _Fold:
    """A fold with what does not depend on the strength."""

    def __init__(self, data: _Data, train: np.ndarray, test: np.ndarray) -> None:
        x, self.y, self.judged, self.x_judged = data.x[train], data.y[train], test, data.x[test]
        self.components = _Components(x)
        self.scores = data.likeness(train).scores(self.x_judged)


class _Components:
    """Rows in their principal components, scaled to unit variance in all."""

    def __init__(self, x: np.ndarray) -> None:
        self._mean = x.mean(axis=0)
        self._directions, _ = principal(x - self._mean, COMPONENTS)
        inside = (x - self._mean) @ self._directions.T
        self._scale = max(float(np.sqrt(np.square(inside).sum(axis=1).mean())), float(np.finfo(np.float32).tiny))
        self._inside = inside / self._scale

    def weights(self, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel (F, classes) and bias of a logistic regression, whose classes weigh the same."""
        # The import takes a second, and nothing that is served needs it.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=_STEPS, tol=_TOLERANCE)
        with warnings.catch_warnings():
            # After so many steps it is as good as at its minimum.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self._inside, y)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(coefficients) == 1:
            # One logit for two classes.
            halves = np.array([[-0.5], [0.5]])
            coefficients, intercepts = halves * coefficients, halves[:, 0] * intercepts
        kernel = self._directions.T @ coefficients.T / self._scale
        return kernel.astype(np.float32), (intercepts - self._mean @ kernel).astype(np.float32)


def _choose(data: _Data, folds: list[_Fold]) -> tuple[float, _Folded]:
    """Return the strength of least log-loss on the folds, each with its best temperature, classes weighing the same."""
    counts = np.bincount(data.y)
    weights = len(data.y) / (len(counts) * counts[data.y])
    best: tuple[float, float, _Folded] | None = None
    for strength in STRENGTHS:
        found = _folded(data, folds, strength)
        logits, labels, counted = found.logits[found.rows], data.y[found.rows], weights[found.rows]
        temperature = _temperature(logits, labels)
        likelihood = calibration.softmax(logits, temperature)[np.arange(len(labels)), labels]
        loss = -float(np.average(np.log(np.maximum(likelihood, 1e-6)), weights=counted))
        if best is None or loss < best[0] - _LEAST_GAIN:
            best = loss, strength, found
    assert best is not None  # noqa: S101  # nosec B101
    return best[1], best[2]


def _folded(data: _Data, folds: list[_Fold], strength: float) -> _Folded:
    count = len(data.y)
    logits, scores = np.zeros((count, len(data.class_names)), np.float32), np.zeros(count, np.float32)
    rows = np.zeros(count, bool)
    for fold in folds:
        kernel, bias = fold.components.weights(fold.y, strength)
        logits[fold.judged] = fold.x_judged @ kernel + bias
        scores[fold.judged], rows[fold.judged] = fold.scores, True
    return _Folded(logits, scores, rows)


def _head(data: _Data, strength: float, folded: _Folded) -> Head:
    kernel, bias = _Components(data.x).weights(data.y, strength)
    temperature = _temperature(folded.logits[folded.rows], data.y[folded.rows])
    threshold = abstention.threshold(folded.scores[folded.rows])
    return Head(data.class_names, kernel, bias, temperature, data.likeness(), threshold)


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature of least log-loss, as if one more image of each class were another one's (Platt 1999).

    Without these a few images that are all right would make a head certain of everything.
    """
    classes = logits.shape[1]
    share = 1 / (len(labels) / classes + 2)
    weights = np.full(logits.shape, share / (classes - 1))
    weights[np.arange(len(labels)), labels] = 1 - share
    every = np.tile(np.arange(classes), len(labels))
    return calibration.fit_temperature(np.repeat(logits, classes, axis=0), every, weights.ravel())
