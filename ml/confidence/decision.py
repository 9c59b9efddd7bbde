"""From a network's raw outputs to predictions: calibrated probabilities, and whether to abstain."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ml.confidence import abstention
from ml.confidence.abstention import FeatureStatistics
from ml.confidence.calibration import Calibration, softmax

#: The best of the scores that `manage.py evaluate --photos` compares.
DEFAULT_SCORE = "relative_mahalanobis"


class Outputs(NamedTuple):
    """The outputs of a network: logits (N, classes) and features (N, features)."""

    logits: np.ndarray
    features: np.ndarray

    @classmethod
    def split(cls, values: np.ndarray, class_count: int) -> "Outputs":
        """Split the concatenated output of a served graph, (N, classes + features)."""
        return cls(values[:, :class_count], values[:, class_count:])


class Predictions(NamedTuple):
    """The predictions of a model for N images.

    probabilities: calibrated, float32 (N, classes). uncalibrated: the softmax of the unscaled logits.
    scores, thresholds, (N,): the abstention score and the value that it has to reach; both 0 if the model never
    abstains. abstained, (N,): whether the model abstains.
    """

    probabilities: np.ndarray
    uncalibrated: np.ndarray
    scores: np.ndarray
    thresholds: np.ndarray
    abstained: np.ndarray

    @property
    def margins(self) -> np.ndarray:
        """How far each score is above its threshold, (N,)."""
        return self.scores - self.thresholds

    def best(self, none_index: int | None = None) -> np.ndarray:
        """The most probable class of each image, (N,), except `none_index`, the class "none"."""
        probabilities = self.probabilities
        if none_index is not None:
            probabilities = probabilities.copy()
            probabilities[:, none_index] = -1
        return probabilities.argmax(axis=1)


@dataclass(frozen=True)
class DecisionRule:
    """The rule that turns outputs into predictions.

    thresholds: for each score the value below which the model would abstain; `score` names the one in use, None for a
    model that never abstains. statistics: None for a network whose training images could not be measured.
    none_index: the index of the class "none", if there is one.
    """

    calibration: Calibration
    score: str | None
    thresholds: dict[str, float]
    statistics: FeatureStatistics | None
    none_index: int | None = None

    @classmethod
    def fit(
        cls,
        train: Outputs,
        train_labels: np.ndarray,
        validation: Outputs,
        validation_labels: np.ndarray,
        *,
        label_smoothing: float = 0.0,
        score: str | None = DEFAULT_SCORE,
    ) -> "DecisionRule":
        """Fit the statistics on training images, and calibration and thresholds on validation images alone."""
        statistics = FeatureStatistics.fit(train.features, train_labels, train.logits.shape[1])
        calibration = Calibration.fit(validation.logits, validation_labels, label_smoothing)
        thresholds = {
            name: abstention.threshold(
                abstention.scores(name, *validation, calibration=calibration, statistics=statistics)
            )
            for name in abstention.SCORES
        }
        return cls(calibration, score, thresholds, statistics)

    def predict(self, outputs: Outputs) -> Predictions:
        probabilities = self.calibration.probabilities(outputs.logits)
        scores = thresholds = np.zeros(len(probabilities), np.float32)
        if self.score is not None:
            scores = self.scores(self.score, outputs)
            thresholds = np.full(len(scores), self.thresholds[self.score])
        # Not `<`: the model abstains if the score is NaN.
        return Predictions(probabilities, softmax(outputs.logits), scores, thresholds, ~(scores >= thresholds))

    @property
    def score_names(self) -> tuple[str, ...]:
        """All scores that the network has, by name."""
        return abstention.available(statistics=self.statistics, none_index=self.none_index)

    def scores(self, name: str, outputs: Outputs) -> np.ndarray:
        """The score of this name, (N,)."""
        return abstention.scores(
            name, *outputs, calibration=self.calibration, statistics=self.statistics, none_index=self.none_index
        )

    def as_dict(self) -> dict[str, Any]:
        """The entries of the card; the statistics have their own file."""
        return {
            "calibration": asdict(self.calibration),
            "abstention": {"score": self.score, "coverage": abstention.COVERAGE, "thresholds": self.thresholds},
        }

    @classmethod
    def from_card(
        cls,
        calibration: dict[str, Any],
        abstention: dict[str, Any],
        *,
        statistics: FeatureStatistics | None,
        none_index: int | None = None,
    ) -> "DecisionRule":
        return cls(Calibration(**calibration), abstention["score"], abstention["thresholds"], statistics, none_index)
