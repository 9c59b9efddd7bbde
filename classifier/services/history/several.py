"""Uploads that several models have classified."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count

from classifier.models import Prediction


def with_several_predictions(predictions: Iterable[Prediction]) -> frozenset[UUID]:
    """The uploads among those of the predictions that have more than one; a query for all of them."""
    uploads = {prediction.upload_id for prediction in predictions}
    counted = Prediction.objects.filter(upload__in=uploads).order_by().values("upload").annotate(count=Count("pk"))
    return frozenset(counted.filter(count__gt=1).values_list("upload", flat=True))


def other_predictions(prediction: Prediction) -> list[Prediction]:
    """What other models said of the same upload, the first one first."""
    others = Prediction.objects.filter(upload=prediction.upload_id).exclude(pk=prediction.pk)
    return list(others.order_by("created_at", "id").prefetch_related("model_version"))
