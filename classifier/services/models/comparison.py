"""Compare two published models: on their test images, and on uploads that both have classified."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from classifier.models import ModelVersion, Prediction
from ml.classes import NONE_CLASS
from ml.evaluation.metrics import newcombe_interval
from ml.heads.comparison import SIGNIFICANCE, mcnemar

#: A page must not compare a million uploads.
MOST_COMPARED = 10_000
#: How many uploads on which the models disagree are shown.
MOST_SHOWN = 24


@dataclass(frozen=True)
class Difference:
    """The accuracy of the first model minus that of the second on test images of the same data set.

    interval: 95%, for independent samples. The samples are the same images here, so it is wider than it needs to be.
    """

    value: float
    interval: tuple[float, float]

    @property
    def is_proven(self) -> bool:
        """Whether the interval excludes zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


def difference_on_test(first: ModelVersion, second: ModelVersion) -> Difference | None:
    """Return how far their test accuracies are apart; None if they were not tested on the same images."""
    if not first.test or not second.test:
        return None
    if first.whole_card.tested_on.get("fingerprint") != second.whole_card.tested_on.get("fingerprint"):
        return None
    if first.test["count"] != second.test["count"]:
        return None
    counts = [
        (round(version.test["accuracy"] * version.test["count"]), version.test["count"]) for version in (first, second)
    ]
    return Difference(first.test["accuracy"] - second.test["accuracy"], newcombe_interval(*counts))


@dataclass(frozen=True)
class OnUploads:
    """What two models say of the same uploads.

    reviewed: the uploads whose class a person has confirmed or corrected; both: of these, the ones that both models got
    right; first_alone, second_alone: those that one model alone got right. disagreements: for the first MOST_SHOWN
    uploads on which they disagree, the prediction of the first model and, beside it, that of the second.
    """

    count: int
    agreed: int
    reviewed: int
    both: int
    first_alone: int
    second_alone: int
    disagreements: list[tuple[Prediction, list[Prediction]]]

    @property
    def first_right(self) -> int:
        return self.both + self.first_alone

    @property
    def second_right(self) -> int:
        return self.both + self.second_alone

    @property
    def is_proven(self) -> bool:
        """Whether chance alone would rarely (5%) split the flips so unevenly, by McNemar's exact test."""
        return mcnemar(self.first_alone, self.second_alone) < SIGNIFICANCE


class _Pair(NamedTuple):
    """Keys of the predictions of both models for an upload, their answers, and the true class, "" if unknown."""

    keys: tuple[UUID, UUID]
    answers: tuple[str, str]
    true: str


def on_uploads(first: ModelVersion, second: ModelVersion, predictions: QuerySet[Prediction]) -> OnUploads:
    """Compare the models on the uploads that both have classified, MOST_COMPARED at most, among these predictions."""
    pairs = _pairs(first, second, predictions)
    right = [tuple(answer == pair.true for answer in pair.answers) for pair in pairs if pair.true]
    different = [pair.keys for pair in pairs if pair.answers[0] != pair.answers[1]]
    return OnUploads(
        count=len(pairs),
        agreed=len(pairs) - len(different),
        reviewed=len(right),
        both=right.count((True, True)),
        first_alone=right.count((True, False)),
        second_alone=right.count((False, True)),
        disagreements=_together(different[:MOST_SHOWN]),
    )


def _pairs(first: ModelVersion, second: ModelVersion, predictions: QuerySet[Prediction]) -> list[_Pair]:
    fields = ("upload_id", "id", "predicted_class", "abstained", "corrected_class")
    of_first, of_second = (predictions.filter(model_version=version) for version in (first, second))
    of_both = of_second.filter(upload__in=of_first.order_by().values("upload")).values(*fields)[:MOST_COMPARED]
    others = {row["upload_id"]: row for row in of_both}
    pairs = []
    for one in of_first.filter(upload__in=list(others)).values(*fields):
        other = others[one["upload_id"]]
        answers = _answer(one), _answer(other)
        pairs.append(_Pair((one["id"], other["id"]), answers, one["corrected_class"] or other["corrected_class"]))
    return pairs


def _answer(row: dict[str, Any]) -> str:
    return NONE_CLASS if row["abstained"] else row["predicted_class"]


def _together(keys: list[tuple[UUID, UUID]]) -> list[tuple[Prediction, list[Prediction]]]:
    found = Prediction.objects.select_related("upload", "model_version").in_bulk([key for pair in keys for key in pair])
    return [(found[first], [found[second]]) for first, second in keys if first in found and second in found]
