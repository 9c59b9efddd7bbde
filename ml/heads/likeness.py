"""How much an image is like the examples: the relative Mahalanobis distance, from as little as a few of them.

Fewer examples than features leave most directions without a variance: these share one, and only the few directions of
largest variance are kept (as in probabilistic PCA; Tipping and Bishop 1999). For ten classes that is a quarter of a
megabyte, and the covariance of 1,280 features would be thirteen.
"""

from dataclasses import dataclass

import numpy as np

from ml.heads.background import Background
from ml.heads.components import principal

#: The directions that are kept.
RANK = 32
#: The part of the mean variance that every direction has.
_SHRINKAGE = 0.1
#: The standard deviations of both scores among photographs of anything, nearly the same for 3 and for 10 classes.
_DISTANCE_SCALE, _NEARNESS_SCALE = 780.0, 0.033


@dataclass(frozen=True)
class Spread:
    """A Gaussian's covariance.

    directions: float32 (R, F). weights: what each adds to the inverse variance, float32 (R,). variance: of all others.
    """

    directions: np.ndarray
    weights: np.ndarray
    variance: float

    @classmethod
    def fit(cls, centred: np.ndarray, means: int) -> "Spread":
        """Measure rows (N, F) around so many means of their own."""
        # A mean of few rows is near to each of them: what is measured is smaller than what other rows would show.
        scale = len(centred) / max(len(centred) - means, 1)
        directions, variances = principal(centred, RANK)
        variances = scale * variances
        mean_variance = scale * float(np.square(centred).sum()) / max(centred.size, 1)
        floor = max(_SHRINKAGE * mean_variance, float(np.finfo(np.float32).tiny))
        weights = 1 / (variances + floor) - 1 / floor
        return cls(directions, weights.astype(np.float32), floor)

    def distance(self, offsets: np.ndarray) -> np.ndarray:
        """The squared distance of rows (N, F) from the mean, (N,)."""
        along = offsets @ self.directions.T
        return np.square(offsets).sum(axis=1) / self.variance + np.square(along) @ self.weights


@dataclass(frozen=True)
class Likeness:
    """The examples' distribution. centre: (F,); class_centres: (classes, F). background: where one is known, a second
    score is added, which few examples make no worse.
    """

    centre: np.ndarray
    class_centres: np.ndarray
    within: Spread
    whole: Spread
    background: Background | None = None

    @classmethod
    def fit(
        cls, features: np.ndarray, labels: np.ndarray, class_count: int, background: Background | None = None
    ) -> "Likeness":
        """Measure features (N, F) with labels (N,); every class needs an example."""
        centre = features.mean(axis=0)
        class_centres = np.stack([features[labels == label].mean(axis=0) for label in range(class_count)])
        return cls(
            centre,
            class_centres,
            Spread.fit(features - class_centres[labels], class_count),
            Spread.fit(features - centre, 1),
            background,
        )

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The score of features (N, F), (N,): higher is more like the examples (Ren et al. 2021)."""
        nearest = np.min([self.within.distance(features - centre) for centre in self.class_centres], axis=0)
        relative = self.whole.distance(features - self.centre) - nearest
        if self.background is None:
            return relative
        nearness = self.background.nearness(features, self.class_centres)
        return relative / _DISTANCE_SCALE + nearness / _NEARNESS_SCALE
