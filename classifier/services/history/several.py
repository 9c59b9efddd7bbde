"""Predictions beside each other: of one upload by several models, and the next ones in the history."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count

from classifier.models import Prediction
from classifier.services.history.pagination import NEWEST_FIRST, page_of
from classifier.services.people.ownership import Owner, predictions_of


def beside(predictions: Iterable[Prediction]) -> list[tuple[Prediction, list[Prediction]]]:
    """Each prediction with what other models said of the same upload, the first one first; a query for all of them."""
    predictions = list(predictions)
    uploads = {prediction.upload_id for prediction in predictions}
    several = Prediction.objects.filter(upload__in=uploads).order_by().values("upload").annotate(count=Count("pk"))
    of_several = Prediction.objects.filter(upload__in=several.filter(count__gt=1).values("upload"))
    found: dict[UUID, list[Prediction]] = {}
    for one in of_several.order_by("created_at", "id").prefetch_related("model_version__classifier"):
        found.setdefault(one.upload_id, []).append(one)
    return [(one, [other for other in found.get(one.upload_id, ()) if other.pk != one.pk]) for one in predictions]


def other_predictions(prediction: Prediction) -> list[Prediction]:
    """What other models said of the same upload, the first one first."""
    others = Prediction.objects.filter(upload=prediction.upload_id).exclude(pk=prediction.pk)
    return list(others.order_by("created_at", "id").prefetch_related("model_version__classifier"))


def neighbours_of(prediction: Prediction, owner: Owner) -> tuple[UUID | None, UUID | None]:
    """The owner's next newer prediction and the next older one, None at the ends of the history."""
    own, cursor = predictions_of(owner), NEWEST_FIRST.cursor(prediction)
    newer, older = page_of(own, size=1, before=cursor).items, page_of(own, size=1, after=cursor).items
    return newer[0].pk if newer else None, older[0].pk if older else None
