"""How often a model was used, and how often users confirmed its predictions."""

from dataclasses import dataclass

from django.db.models import Count, Q

from classifier.models import ModelVersion
from ml.evaluation.metrics import wilson_interval

#: A public page must not count a million rows.
MOST_COUNTED = 10_000


def prediction_count(version: ModelVersion) -> int:
    """How many predictions the version has made, MOST_COUNTED + 1 for any number above that."""
    return version.predictions.order_by()[: MOST_COUNTED + 1].count()


@dataclass(frozen=True)
class VolunteeredAccuracy:
    """Accuracy by corrections, a self-selected sample.

    interval: the 95% Wilson score interval of the share that was right.
    """

    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.right, self.count)


def volunteered_accuracy(version: ModelVersion) -> VolunteeredAccuracy | None:
    """The version's accuracy on corrected uploads; None without corrections."""
    corrected = version.predictions.order_by().filter(was_right__isnull=False)
    found = corrected.aggregate(count=Count("was_right"), right=Count("was_right", filter=Q(was_right=True)))
    return VolunteeredAccuracy(found["right"], found["count"]) if found["count"] else None
