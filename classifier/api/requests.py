"""What the API's methods need to know of a request: whose it is."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from classifier.models import Prediction
from classifier.services.ownership import Owner, predictions_of


def owner_of(request: Request) -> Owner:
    """The person behind a request, who has an account."""
    return Owner(user=request.user)


def own_prediction(request: Request, prediction_id: UUID) -> Prediction:
    """The person's prediction of this number. Raises Http404 for anybody else's as for none."""
    return get_object_or_404(predictions_of(owner_of(request)), pk=prediction_id)
