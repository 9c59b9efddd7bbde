"""The photo head: ImageNet's probabilities summed into our classes, with a learnt correction.

The correction is linear in the backbone's features. Alone, it would lose ImageNet's knowledge of things that no
training photograph shows. The sums alone would keep ImageNet's prior of 118 dog and 5 cat classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: The factor of the squared norm of the correction's weights, on features of unit variance.
PENALTY = 0.05
#: The share of "none of these" in the training examples; the classes share the rest equally.
NONE_SHARE = 0.3

_STEPS = 200
_LEAST_CHANGE = 1e-5
#: Keeps the curvature from being singular if features are collinear.
_RIDGE = 1e-6
#: The lower bound of a sum of probabilities, so that it has a logarithm.
LEAST_SUM = 1e-6


class Head(NamedTuple):
    """The correction: logits are `log_sums + features @ weights + bias`; float32 (features, classes) and (classes,)."""

    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def without_correction(cls, features: int, classes: int) -> "Head":
        return cls(np.zeros((features, classes), np.float32), np.zeros(classes, np.float32))

    def logits(self, features: np.ndarray, log_sums: np.ndarray) -> np.ndarray:
        return log_sums + features @ self.weights + self.bias


def shares(
    labels: np.ndarray, sources: Sequence[str] | np.ndarray, none_label: int, none_share: float = NONE_SHARE
) -> np.ndarray:
    """Return the weight of each photograph, (N,), of sum 1.

    All classes have the same weight except `none_label`, which has `none_share`. Within a class, a source is weighted
    by the square root of its number of photographs, so that one large collection does not dominate.
    """
    names = np.asarray(sources)
    weights = np.zeros(len(labels))
    present = np.unique(labels)
    for label in present:
        rows = np.flatnonzero(labels == label)
        _, places, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
        within = 1 / np.sqrt(counts[places])
        share = none_share if label == none_label else (1 - none_share) / (present != none_label).sum()
        weights[rows] = share * within / within.sum()
    return weights / weights.sum()


def fit(
    features: np.ndarray, log_sums: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float = PENALTY
) -> Head:
    """Fit the correction: minimise the weighted log-loss plus `penalty` times the squared norm of the weights.

    features (N, F); log_sums (N, classes): logarithms of ImageNet's summed probabilities; weights (N,): of sum 1.
    Steps are those of Newton's method with a bound of the curvature that holds everywhere (Böhning 1992), accelerated
    by Nesterov's momentum, which restarts whenever it overshoots (O'Donoghue and Candès 2015).
    """
    mean = weights @ features
    scale = np.sqrt(weights @ np.square(features - mean)) + 1e-6
    rows = np.column_stack([(features - mean) / scale, np.ones(len(features))]).astype(np.float32)
    penalties = np.append(np.full(features.shape[1], 2 * penalty), 0.0).astype(np.float32)[:, None]
    columns = np.ascontiguousarray(rows.T)
    truth = np.eye(log_sums.shape[1], dtype=np.float32)[labels]
    share = weights.astype(np.float32)[:, None]
    offsets = log_sums.astype(np.float32)
    bound = 0.5 * columns @ (share * rows) + np.diag(penalties[:, 0] + _RIDGE)
    inverse = np.linalg.inv(bound.astype(np.float64)).astype(np.float32)
    found = ahead = np.zeros((rows.shape[1], truth.shape[1]), np.float32)
    momentum = 1.0
    for _ in range(_STEPS):
        gradient = columns @ (share * (_softmax(offsets + rows @ ahead) - truth)) + penalties * ahead
        before, found = found, ahead - inverse @ gradient
        if float(np.sum(gradient * (found - before))) > 0:
            momentum = 1.0
        after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / after * (found - before)
        momentum = after
        if np.abs(gradient).max() < _LEAST_CHANGE:
            break
    kernel = found[:-1] / scale[:, None]
    return Head(kernel.astype(np.float32), (found[-1] - mean @ kernel).astype(np.float32))


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
