"""Search and sort predictions."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import ModelVersion, Prediction, Upload
from classifier.models.upload import folded
from classifier.services.history.pagination import NEWEST_FIRST, Order
from classifier.services.people.ownership import Owner, predictions_of, uploads_of
from ml.classes import NONE_CLASS

ORDERS: dict[str, Order] = {
    "newest": NEWEST_FIRST,
    "oldest": Order("created_at", descending=False),
    "surest": Order("confidence", number=True),
    "least_sure": Order("confidence", descending=False, number=True),
}

#: The states of a prediction, as conditions on the row.
STATES: dict[str, dict[str, object]] = {
    "answered": {"abstained": False},
    "abstained": {"abstained": True},
    "unchecked": {"was_right": None},
    "corrected": {"was_right__isnull": False},
    "right": {"was_right": True},
    "wrong": {"was_right": False},
}


@dataclass(frozen=True)
class Search:
    """A search; an empty field does not filter.

    class_name: what was answered; NONE_CLASS finds what the model abstained from. classifier: the id of one of the
    owner's, whose versions answered. state: a key of STATES. lowest, highest: confidence as a share of one, both
    included. since, until: days, both included. file_name: a part of the uploaded file's own name, in capitals or not.
    order: a key of ORDERS.
    """

    class_name: str = ""
    state: str = ""
    lowest: float | None = None
    highest: float | None = None
    model: ModelVersion | None = None
    classifier: UUID | None = None
    since: date | None = None
    until: date | None = None
    file_name: str = ""
    order: str = "newest"

    @property
    def row_order(self) -> Order:
        return ORDERS[self.order]

    def of(self, owner: Owner) -> QuerySet[Prediction]:
        """Return the owner's predictions that match."""
        wanted = {
            "confidence__gte": self.lowest,
            "confidence__lte": self.highest,
            "model_version": self.model,
            "model_version__classifier": self.classifier,
            "created_at__gte": self.since and midnight(self.since),
            "created_at__lt": self.until and midnight(min(self.until, _LAST_DAY) + timedelta(days=1)),
            "upload__in": self._named(owner) if self.file_name else None,
            **_answered(self.class_name),
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return predictions_of(owner).filter(**given).filter(**STATES.get(self.state, {}))

    def _named(self, owner: Owner) -> QuerySet[Upload, Any]:
        return uploads_of(owner).order_by().filter(folded_name__contains=folded(self.file_name)).values("pk")


def _answered(class_name: str) -> dict[str, object]:
    if class_name == NONE_CLASS:
        return {"abstained": True}
    return {"predicted_class": class_name, "abstained": False} if class_name else {}


#: In any time zone these begin and end at a time that UTC has.
_FIRST_DAY, _LAST_DAY = date(1, 1, 3), date(9999, 12, 28)


def midnight(day: date) -> datetime:
    """When a day begins, in the site's time zone; what UTC has no time for counts as the nearest day that it has."""
    return timezone.make_aware(datetime.combine(max(day, _FIRST_DAY), time.min))
