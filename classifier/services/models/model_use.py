"""How often a model was used, and how often users confirmed its predictions."""

import statistics
from dataclasses import dataclass

from django.db.models import Count, Q

from classifier.models import ModelVersion
from ml.evaluation.metrics import wilson_interval

#: A public page must not count a million rows.
MOST_COUNTED = 10_000
MOST_TIMED = 200


def prediction_count(version: ModelVersion) -> int:
    """How many predictions the version has made, MOST_COUNTED + 1 for any number above that."""
    return version.predictions.order_by()[: MOST_COUNTED + 1].count()


def median_milliseconds(version: ModelVersion) -> float | None:
    """The median time of the network over MOST_TIMED predictions of the version; None without predictions."""
    timings = version.predictions.order_by().values_list("timings", flat=True)[:MOST_TIMED]
    found = [each["infer"] for each in timings if "infer" in each]
    return statistics.median(found) if found else None


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
