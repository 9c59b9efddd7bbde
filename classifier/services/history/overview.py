"""The overview for staff: figures of the last days, and predictions to review."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nlargest

from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from classifier.models import ModelVersion, Prediction
from classifier.services.history.search import midnight
from classifier.services.people.ownership import current_predictions, current_uploads, with_details

_QUEUE = 12
#: The number of newest predictions among which the slowest are found.
_RECENT = 5_000


@dataclass(frozen=True)
class Day:
    """One day: how many predictions, their mean confidence, and the shares abstained from and corrected."""

    day: date
    count: int
    confidence: float | None
    abstained: float | None
    corrected: float | None


@dataclass(frozen=True)
class Overview:
    """days: every one of them, the oldest first. classes: what was answered, the most frequent first, as shares of all;
    abstained: the share without an answer.

    slowest: among the newest, with the milliseconds that all steps took. least_sure: answers that nobody has checked
    yet, over all time; wrong: what corrections say was wrong, the newest first.
    """

    days: list[Day]
    classes: list[tuple[str, float]]
    abstained: float
    total: int
    slowest: list[tuple[Prediction, float]]
    least_sure: list[Prediction]
    wrong: list[Prediction]
    uploads: int
    stored_bytes: int


def overview(*, days: int) -> Overview:
    """Return the figures of the last `days` days, today's included."""
    first = timezone.localdate() - timedelta(days=days - 1)
    rows = _daily(first)
    by_day = defaultdict(list)
    classes: Counter[str] = Counter()
    for row in rows:
        by_day[row["day"]].append(row)
        # The closest match of an abstention is not an answer.
        classes[row["predicted_class"]] += row["count"] - row["abstained"]
    total = sum(row["count"] for row in rows)
    abstained = sum(row["abstained"] for row in rows)
    files = current_uploads().order_by().aggregate(count=Count("pk"), size=Sum("size"))
    newest_first = with_details(_of_site().order_by("-created_at", "-id"))
    return Overview(
        days=[_day(first + timedelta(days=number), by_day) for number in range(days)],
        classes=[(name, count / total) for name, count in classes.most_common() if count],
        abstained=abstained / total if total else 0.0,
        total=total,
        slowest=_slowest(newest_first),
        least_sure=list(newest_first.filter(abstained=False, was_right=None).order_by("confidence", "id")[:_QUEUE]),
        wrong=list(newest_first.filter(was_right=False)[:_QUEUE]),
        uploads=files["count"],
        stored_bytes=files["size"] or 0,
    )


def _daily(first: date) -> QuerySet:
    """One row per day and class."""
    return (
        _of_site()
        .order_by()
        .filter(created_at__gte=midnight(first))
        .annotate(day=TruncDate("created_at"))
        .values("day", "predicted_class")
        .annotate(
            count=Count("pk"),
            confidence=Avg("confidence"),
            abstained=Count("pk", filter=Q(abstained=True)),
            corrected=Count("pk", filter=Q(was_right__isnull=False)),
        )
    )


def _of_site() -> QuerySet[Prediction]:
    """What the site's models have predicted; people's own classifiers are theirs."""
    own = ModelVersion.every.filter(classifier__isnull=False).values("pk")
    return current_predictions().exclude(model_version__in=own)


def _slowest(predictions: QuerySet[Prediction]) -> list[tuple[Prediction, float]]:
    recent = predictions.order_by("-created_at", "-id").values_list("pk", "timings")[:_RECENT]
    worst = nlargest(_QUEUE, ((sum(timings.values()), str(pk)) for pk, timings in recent))
    found = predictions.in_bulk([pk for _milliseconds, pk in worst])
    by_number = {str(pk): prediction for pk, prediction in found.items()}
    return [(by_number[pk], milliseconds) for milliseconds, pk in worst if pk in by_number]


def _day(day: date, by_day: dict[date, list[dict]]) -> Day:
    rows = by_day.get(day, [])
    count = sum(row["count"] for row in rows)
    if not count:
        return Day(day, 0, None, None, None)
    return Day(
        day,
        count,
        sum(row["confidence"] * row["count"] for row in rows) / count,
        sum(row["abstained"] for row in rows) / count,
        sum(row["corrected"] for row in rows) / count,
    )
