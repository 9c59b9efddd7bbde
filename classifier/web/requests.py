"""The person behind a request, and that person's predictions; for pages and API."""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django_htmx.middleware import HtmxDetails

from classifier.models import Prediction
from classifier.services.people.ownership import Owner, predictions_of
from classifier.web.visitors import new_visitor, visitor_of


class PageRequest(HttpRequest):
    """A request as views get it: the middleware of django-htmx has added its details."""

    htmx: HtmxDetails


class AccountRequest(PageRequest):
    """A request of somebody who is signed in, as after `login_required`."""

    user: User


def owner_of(request: HttpRequest) -> Owner:
    """The owner of a request; an anonymous visitor without uploads owns nothing."""
    if request.user.is_authenticated:
        return Owner(user=request.user)
    return Owner(visitor=visitor_of(request))


def uploader_of(request: HttpRequest, *, submission: UUID | None) -> Owner:
    """The owner of a request that is about to store something; see `visitors.remember_visitor`."""
    owner = owner_of(request)
    return Owner(visitor=new_visitor(request, submission=submission)) if owner == Owner() else owner


def own_prediction(request: HttpRequest, prediction_id: UUID) -> Prediction:
    """The person's prediction with this id. Raises Http404 if there is none, or if it is somebody else's."""
    return get_object_or_404(predictions_of(owner_of(request)), pk=prediction_id)
