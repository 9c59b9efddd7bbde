"""The pupil behind a request, and the session of one."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth import BACKEND_SESSION_KEY, login
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from classifier.models import Pupil
from classifier.services.groups.sign_in import PIN_BACKEND


def pupil_of(request: HttpRequest) -> Pupil | None:
    """The pupil who is signed in. Costs no query."""
    # A page for a request that failed early may come without a session.
    session = getattr(request, "session", {})
    if session.get(BACKEND_SESSION_KEY) != PIN_BACKEND or not request.user.is_authenticated:
        return None
    return request.user.pupil


def sign_in_pupil(request: HttpRequest, user: User) -> None:
    """Sign in until the browser is closed: pupils share computers."""
    login(request, user, backend=PIN_BACKEND)
    request.session.set_expiry(0)


def not_for_pupils(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Lead pupils, who have neither password nor e-mail address nor tokens, to the page of their own account."""

    @wraps(view)
    def lead(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if pupil_of(request) is not None:
            return redirect("pupil_account")
        return view(request, *args, **kwargs)

    return lead
