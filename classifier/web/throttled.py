"""Rate limits of pages and the response to a throttled request. For the API: api/throttling.py."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from classifier.services.operations import metrics
from classifier.services.people.lockout import seconds_locked_out
from classifier.services.people.throttling import (
    Throttle,
    advise,
    charge_work,
    explain_refusal,
    say_when,
    take,
    take_work,
)
from classifier.services.predictions.turns import visiting
from classifier.web.clients import address_of
from classifier.web.limits import limits_of
from classifier.web.refusal import refusal
from classifier.web.requests import owner_of

#: Views before sign-in.
_BY_ADDRESS_ALONE = (Throttle.SIGN_IN, Throttle.SIGN_UP, Throttle.PUPIL, Throttle.RESET)


class ThrottleMiddleware:
    """Answer with 429 when a rate limit is exceeded, before the body is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with visiting(address_of(request)) as visit:
            response = self.get_response(request)
        if visit.turns:
            charge_work(owner=owner_of(request), address=visit.address, seconds=visit.seconds)
        return response

    def process_view(self, request: HttpRequest, view: Callable, *_arguments) -> HttpResponse | None:
        # Views of the API declare their throttles to Django REST framework.
        throttle = (limits_of(view) or {}).get(request.method or "")
        if throttle is None:
            return None
        owner = None if throttle in _BY_ADDRESS_ALONE else owner_of(request)
        address = address_of(request)
        refused = take(throttle=throttle, owner=owner, address=address)
        if refused is None and throttle in (Throttle.CLASSIFY, Throttle.READ):
            refused = take_work(owner=owner, address=address)
        if refused is None:
            return None
        return _too_many(request, _("Too many requests"), explain_refusal(refused), advise(refused), refused.seconds)


def locked_out(request: HttpRequest, _response: HttpResponse | None, credentials: dict | None) -> HttpResponse:
    """The response of django-axes to a locked-out sign-in, the same for every user name."""
    metrics.record_locked_out()
    seconds = seconds_locked_out(request, credentials)
    text = _("Too many failed attempts to sign in from your network.")
    return _too_many(request, _("Too many attempts"), text, [say_when(seconds)], seconds)


def _too_many(request: HttpRequest, title: str, what: str, advice: list[str], seconds: int) -> HttpResponse:
    return refusal(request, status=429, title=title, what=what, advice=advice, retry_after=seconds)
