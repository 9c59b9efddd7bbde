"""Abstention scores: how similar an image is to the training images.

For every score, higher means more similar:

maximum_probability   the largest softmax probability after calibration (Hendrycks and Gimpel 2017)
energy                the logarithm of the summed exponentials of the logits (Liu et al. 2020)
mahalanobis           minus the distance of the features to the nearest class's mean (Lee et al. 2018)
relative_mahalanobis  the same, less the distance to the mean of all images (Ren et al. 2021)
known_probability     one less the probability of the class "none", for a network that has learnt it
"""

import io
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ml.confidence.calibration import Calibration

#: The scores that every network has; distances need statistics of the training images.
_OF_LOGITS = ("maximum_probability", "energy")
_OF_FEATURES = ("mahalanobis", "relative_mahalanobis")
_OF_NONE = "known_probability"
SCORES = (*_OF_LOGITS, *_OF_FEATURES)
#: The share of validation images on which the model does not abstain.
COVERAGE = 0.95

#: The share of the mean variance that is added to every variance, so that few images or dead features do not make the
#: covariance singular.
_SHRINKAGE = 1e-3


@dataclass(frozen=True)
class FeatureStatistics:
    """The distribution of training features: a Gaussian per class with a shared covariance, and one for all.

    class_whitening, whitening, float32 (features, features): matrices that whiten the features of a class, or of all
    images, so that their covariance is the identity.
    class_centres, float32 (classes, features); centre, float32 (features,): the whitened means.
    """

    class_whitening: np.ndarray
    class_centres: np.ndarray
    whitening: np.ndarray
    centre: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray, class_count: int) -> "FeatureStatistics":
        """Fit to training features (N, features) with labels (N,); every class needs at least one image."""
        features = features.astype(np.float64)
        class_means = np.stack([features[labels == label].mean(axis=0) for label in range(class_count)])
        mean = features.mean(axis=0)
        class_whitening, whitening = _whitening(features - class_means[labels]), _whitening(features - mean)
        return cls(
            class_whitening.astype(np.float32),
            (class_means @ class_whitening).astype(np.float32),
            whitening.astype(np.float32),
            (mean @ whitening).astype(np.float32),
        )

    @classmethod
    def load(cls, content: bytes) -> "FeatureStatistics":
        """Raise ValueError if `content` is not that of a file written by `save`."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return cls(*(arrays[field.name] for field in fields(cls)))
        except (BadZipFile, EOFError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"not the statistics of a model: {error}") from error

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **vars(self))

    def class_distances(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance to the mean of every class, (N, classes)."""
        offsets = (features @ self.class_whitening)[:, None] - self.class_centres
        return np.einsum("ncf,ncf->nc", offsets, offsets)

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance to the mean of all training images, (N,)."""
        offsets = features @ self.whitening - self.centre
        return np.einsum("nf,nf->n", offsets, offsets)


def available(*, statistics: FeatureStatistics | None, none_index: int | None) -> tuple[str, ...]:
    """The names of the scores that a network has."""
    of_features = _OF_FEATURES if statistics else ()
    return (*_OF_LOGITS, *of_features, *([] if none_index is None else [_OF_NONE]))


def scores(
    name: str,
    logits: np.ndarray,
    features: np.ndarray,
    *,
    calibration: Calibration,
    statistics: FeatureStatistics | None,
    none_index: int | None = None,
) -> np.ndarray:
    """Return the score of this name, (N,), for logits (N, classes) and features (N, features).

    none_index: the index of the class "none", if there is one.
    """
    if name not in available(statistics=statistics, none_index=none_index):
        raise ValueError(
            f"There is no score {name!r}. Choose one of: "
            f"{', '.join(available(statistics=statistics, none_index=none_index))}."
        )
    if name == "maximum_probability":
        probabilities = calibration.probabilities(logits)
        known = probabilities if none_index is None else np.delete(probabilities, none_index, axis=1)
        return known.max(axis=1)
    if name == _OF_NONE:
        return 1 - calibration.probabilities(logits)[:, none_index]
    if name == "energy":
        largest = logits.max(axis=1)
        return largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    if statistics is None:
        raise ValueError(f"The score {name!r} needs statistics of the training images.")
    nearest = statistics.class_distances(features).min(axis=1)
    if name == "mahalanobis":
        return -nearest
    return statistics.distance(features) - nearest


def threshold(validation_scores: np.ndarray, coverage: float = COVERAGE, weights: np.ndarray | None = None) -> float:
    """Return the threshold that a share `coverage` of the scores reaches, half-way to the next score below.

    Half-way, a difference in rounding, as between two engines, changes no decision. weights: of each score, (N,);
    equal by default.
    """
    order = np.argsort(validation_scores, kind="stable")
    ordered = validation_scores[order]
    if weights is None:
        lowest = int((1 - coverage) * (len(ordered) - 1) + 1e-9)
    else:
        below = np.cumsum(weights[order]) / weights.sum()
        lowest = int(np.searchsorted(below, 1 - coverage, side="right"))
    if lowest == 0:
        return float(ordered[0])
    return float((ordered[lowest - 1] + ordered[lowest]) / 2)


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the ROC curve: the probability that a positive scores above a negative, ties counting half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left")
    not_above = np.searchsorted(order, positive, side="right")
    return float((below + not_above).mean() / (2 * len(negative)))


def _whitening(centred: np.ndarray) -> np.ndarray:
    """Return W with W W^T the inverse covariance of these rows, slightly shrunk towards a multiple of the identity."""
    covariance = centred.T @ centred / len(centred)
    size = len(covariance)
    mean_variance = max(np.trace(covariance) / size, np.finfo(np.float32).tiny)
    precision = np.linalg.inv(covariance + _SHRINKAGE * mean_variance * np.eye(size))
    return np.linalg.cholesky((precision + precision.T) / 2)
