"""How far an answer can be relied on, in one word: from its confidence, and its stability where there is doubt."""

from dataclasses import dataclass
from enum import StrEnum

from django.core.cache import cache

from classifier.models import Prediction
from classifier.services.operations.storage import StorageUnavailable
from classifier.services.predictions.explanation import ExplanationUnavailable, Track, stability_of, track_record
from classifier.services.predictions.turns import Busy

#: Answers at least as confident are sure, or fairly sure.
SURE, FAIRLY_SURE = 0.9, 0.6
#: Of slightly changed images, the share with the same class that a sure, or a fairly sure, answer needs.
_STABLE, _FAIRLY_STABLE = 0.85, 0.65
#: If the best class leads the second by less, the stability is measured.
_DOUBTFUL_MARGIN = 0.6
#: A share of fewer test images says little.
_FEWEST_SIMILAR = 50
_DAY = 24 * 60 * 60


class Verdict(StrEnum):
    SURE = "sure"
    FAIRLY_SURE = "fairly-sure"
    UNSURE = "unsure"
    NO_MATCH = "no-match"


@dataclass(frozen=True)
class Assessment:
    """same of tried: the slightly changed images that got the same class; tried is 0 where that was not measured.

    track: how test images with similar confidence fared, if enough were tested. second: the runner-up of an unsure
    answer, else empty.
    """

    verdict: Verdict
    same: int = 0
    tried: int = 0
    track: Track | None = None
    second: str = ""

    @property
    def right_of(self) -> tuple[int, int] | None:
        """How many of how many such answers are right, in small numbers: 9 of 10, or 98 of 100."""
        if self.track is None:
            return None
        of = 10 if self.track.right < 0.95 else 100
        # Almost all is not all.
        return min(round(of * self.track.right), of - 1 if self.track.right < 1 else of), of


def assess(*, prediction: Prediction) -> Assessment:
    """Return how far the answer can be relied on. Without a measured stability only the confidence counts."""
    if prediction.abstained:
        return Assessment(Verdict.NO_MATCH)
    others = [(name, share) for name, share in prediction.ranking if name != prediction.predicted_class]
    second, runner_up = others[0] if others else ("", 0.0)
    same, tried = _stability(prediction) if prediction.confidence - runner_up < _DOUBTFUL_MARGIN else (0, 0)
    verdict = verdict_of(prediction.confidence, same / tried if tried else 1.0)
    track = track_record(prediction)
    return Assessment(
        verdict,
        same,
        tried,
        track if track and track.count >= _FEWEST_SIMILAR else None,
        second if verdict == Verdict.UNSURE else "",
    )


def verdict_of(confidence: float, stability: float) -> Verdict:
    """The word for a confidence, and a share of slightly changed images with the same class."""
    if confidence >= SURE and stability >= _STABLE:
        return Verdict.SURE
    if confidence >= FAIRLY_SURE and stability >= _FAIRLY_STABLE:
        return Verdict.FAIRLY_SURE
    return Verdict.UNSURE


def _stability(prediction: Prediction) -> tuple[int, int]:
    """Measure it once a day; what was not stored has no image to change."""
    if not prediction.is_stored:
        return 0, 0
    key = f"stability:{prediction.pk}"
    if (known := cache.get(key)) is None:
        try:
            known = stability_of(prediction=prediction)
        except (ExplanationUnavailable, StorageUnavailable, Busy):
            return 0, 0
        cache.set(key, known, _DAY)
    return known
