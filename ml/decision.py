"""From a network's raw outputs to an answer: calibrated probabilities, and whether to abstain."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ml import abstention
from ml.abstention import FeatureStatistics
from ml.calibration import Calibration

#: The best of those that `manage.py evaluate --photos` shows side by side.
DEFAULT_SCORE = "relative_mahalanobis"


class Outputs(NamedTuple):
    """What a network computes: logits (N, classes), and the features they are made from (N, features)."""

    logits: np.ndarray
    features: np.ndarray

    @classmethod
    def split(cls, values: np.ndarray, class_count: int) -> "Outputs":
        """Take apart what a served graph puts side by side, (N, classes + features)."""
        return cls(values[:, :class_count], values[:, class_count:])


class Answers(NamedTuple):
    """Calibrated probabilities, float32 (N, classes); the score by which the model abstains, (N,); whether it does."""

    probabilities: np.ndarray
    scores: np.ndarray
    abstained: np.ndarray


@dataclass(frozen=True)
class DecisionRule:
    """How outputs become answers.

    thresholds: for each score of `ml.abstention.SCORES` the value under which it would abstain; `score` names the one
    that counts, None for a model that always answers.
    """

    calibration: Calibration
    score: str | None
    thresholds: dict[str, float]
    statistics: FeatureStatistics

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
        """Measure features on training images; fit calibration and thresholds on validation images alone."""
        statistics = FeatureStatistics.fit(train.features, train_labels, train.logits.shape[1])
        calibration = Calibration.fit(validation.logits, validation_labels, label_smoothing)
        thresholds = {
            name: abstention.threshold(
                abstention.scores(name, *validation, calibration=calibration, statistics=statistics)
            )
            for name in abstention.SCORES
        }
        return cls(calibration, score, thresholds, statistics)

    def answer(self, outputs: Outputs) -> Answers:
        probabilities = self.calibration.probabilities(outputs.logits)
        if self.score is None:
            count = len(probabilities)
            return Answers(probabilities, np.zeros(count, np.float32), np.zeros(count, bool))
        scores = self.scores(self.score, outputs)
        # Not `<`: a score that is no number is no reason to answer.
        return Answers(probabilities, scores, ~(scores >= self.thresholds[self.score]))

    def scores(self, name: str, outputs: Outputs) -> np.ndarray:
        """The score of this name, (N,)."""
        return abstention.scores(name, *outputs, calibration=self.calibration, statistics=self.statistics)

    def as_dict(self) -> dict[str, Any]:
        """What a card keeps of it; the statistics have their own file."""
        return {
            "calibration": asdict(self.calibration),
            "abstention": {"score": self.score, "coverage": abstention.COVERAGE, "thresholds": self.thresholds},
        }

    @classmethod
    def from_card(
        cls, calibration: dict[str, Any], abstention: dict[str, Any], statistics: FeatureStatistics
    ) -> "DecisionRule":
        return cls(Calibration(**calibration), abstention["score"], abstention["thresholds"], statistics)
