"""Temperature scaling, expected calibration error and Brier score."""

import math
from dataclasses import dataclass

import numpy as np

BINS = 15

#: The probability that a class keeps if label smoothing alone accounts for its probability.
_LEAST = 1e-4


@dataclass(frozen=True)
class Calibration:
    """Convert logits to calibrated probabilities.

    temperature: the divisor of the logits (Guo et al. 2017).
    label_smoothing: the share that the network was trained with. Such a network learns to output
        (1 - share) q + share / classes for a probability q; q is recovered first.
    """

    temperature: float = 1.0
    label_smoothing: float = 0.0

    @classmethod
    def fit(cls, logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0) -> "Calibration":
        """Find the temperature on held-out images: logits (N, classes), true labels (N,).

        If every image is classified correctly, as in a small set, the temperature stays 1 instead of its lower bound.
        """
        if (logits.argmax(axis=1) == labels).all():
            return cls(1.0, label_smoothing)
        return cls(fit_temperature(_unsmoothed(logits, label_smoothing), labels), label_smoothing)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, float32 (N, classes), for logits (N, classes)."""
        return softmax(_unsmoothed(logits, self.label_smoothing), self.temperature)


@dataclass(frozen=True)
class ReliabilityBin:
    """The images with a confidence above `low` and up to `high`: their mean confidence and accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities, float32 (N, classes), of logits (N, classes) divided by `temperature`."""
    return np.exp(_log_softmax(logits, temperature)).astype(np.float32)


def fit_temperature(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the temperature of least negative log-likelihood on held-out images (Guo et al. 2017).

    weights: of each image, (N,); equal by default.

    The loss has one minimum in the temperature; golden-section search on its logarithm finds it between 1/20 and 20.
    """
    low, high = math.log(1 / 20), math.log(20)
    ratio = (math.sqrt(5) - 1) / 2

    def loss(logarithm: float) -> float:
        # Computed from log-probabilities: a floor under the probabilities could add a second minimum.
        likelihoods = _log_softmax(logits, math.exp(logarithm))[np.arange(len(labels)), labels]
        return -float(np.average(likelihoods, weights=weights))

    left, right = high - ratio * (high - low), low + ratio * (high - low)
    left_loss, right_loss = loss(left), loss(right)
    while high - low > 1e-4:
        if left_loss < right_loss:
            high, right, right_loss = right, left, left_loss
            left = high - ratio * (high - low)
            left_loss = loss(left)
        else:
            low, left, left_loss = left, right, right_loss
            right = low + ratio * (high - low)
            right_loss = loss(right)
    return math.exp((low + high) / 2)


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the images, in nats; a probability of zero counts as 1e-12."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(likelihood, 1e-12)).mean())


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared distance to the one-hot truth, summed over the classes: 0 at best, 2 at worst (Brier 1950)."""
    errors = probabilities.astype(np.float64)
    errors[np.arange(len(labels)), labels] -= 1
    return float((errors**2).sum(axis=1).mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[ReliabilityBin]:
    """Group the images by confidence into bins of equal width; empty ones are left out."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        found.append(
            ReliabilityBin(
                low=float(place / bins),
                high=float((place + 1) / bins),
                count=int(inside.sum()),
                confidence=float(confidence[inside].mean()),
                accuracy=float(right[inside].mean()),
            )
        )
    return found


def expected_calibration_error(bins: list[ReliabilityBin]) -> float:
    """Mean distance between confidence and accuracy over the bins, weighted by their images (Naeini et al. 2015)."""
    total = sum(group.count for group in bins)
    return sum(group.count * abs(group.confidence - group.accuracy) for group in bins) / total


def _log_softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def _unsmoothed(logits: np.ndarray, share: float) -> np.ndarray:
    if not share:
        return logits
    beyond = softmax(logits).astype(np.float64) - share / logits.shape[1]
    return np.log(np.maximum(beyond, _LEAST))
