"""What is limited on the pages, and what a person is told who has to wait. For the API: api/throttling.py."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from classifier.clients import address_of
from classifier.services import metrics
from classifier.services.lockout import seconds_locked_out
from classifier.services.throttling import Throttle, advise, explain, say_when, take
from classifier.views.refusal import refusal
from classifier.views.requests import owner_of

_READING, _SENDING = ("GET", "HEAD"), ("POST",)
#: By the address's name: the methods that are limited, and as what. Who guesses passwords has no need of a session.
_LIMITED = {
    "home": (_SENDING, Throttle.CLASSIFY),
    "explanation": (_READING, Throttle.READ),
    "seen": (_READING, Throttle.READ),
    "occlusion_map": (_READING, Throttle.READ),
    "export_csv": (_READING, Throttle.READ),
    "export_zip": (_READING, Throttle.READ),
    "login": (_SENDING, Throttle.SIGN_IN),
    "admin:login": (_SENDING, Throttle.SIGN_IN),
    "password_change": (_SENDING, Throttle.SIGN_IN),
    "delete_account": (_SENDING, Throttle.SIGN_IN),
    "sign_up": (_SENDING, Throttle.SIGN_UP),
}
#: Nobody is signed in yet.
_BY_ADDRESS_ALONE = (Throttle.SIGN_IN, Throttle.SIGN_UP)


class ThrottleMiddleware:
    """Answers with the status 429 where somebody asks for too much, before what was sent is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, *_arguments) -> HttpResponse | None:
        methods, throttle = _LIMITED.get(request.resolver_match.view_name, ((), None))
        if request.method not in methods:
            return None
        owner = None if throttle in _BY_ADDRESS_ALONE else owner_of(request)
        refused = take(throttle=throttle, owner=owner, address=address_of(request))
        if refused is None:
            return None
        return _too_many(request, _("Too many requests"), explain(refused), advise(refused), refused.seconds)


def locked_out(request: HttpRequest, _response: HttpResponse | None, credentials: dict | None) -> HttpResponse:
    """The answer to signing in after too many failures, the same for every name: django-axes asks for it."""
    metrics.record_locked_out()
    seconds = seconds_locked_out(request, credentials)
    text = _("There were too many attempts to sign in with a wrong name or password from where you are.")
    return _too_many(request, _("Too many attempts"), text, [say_when(seconds)], seconds)


def _too_many(request: HttpRequest, title: str, what: str, advice: list[str], seconds: int) -> HttpResponse:
    return refusal(request, status=429, title=title, what=what, advice=advice, retry_after=seconds)
