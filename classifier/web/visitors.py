"""The anonymous visitor's id, stored in the session; it outlives the change of session key at sign-in."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

_KEY = "visitor"
#: The session key with the day on which the session was last extended.
_DAY = "visitor_day"
#: Present if someone has signed out since the visitor's uploads.
_LEFT = "visitor_left"
_SALT = "classifier.web.visitors"


def visitor_of(request: HttpRequest) -> uuid.UUID | None:
    value = request.session.get(_KEY)
    return uuid.UUID(value) if value else None


def new_visitor(request: HttpRequest, *, submission: uuid.UUID | None) -> uuid.UUID:
    """Return an id for a visitor who has none yet; it is not stored in the session.

    submission: the id that the page gave to what is sent. The same browser that sends it again, because the response
    and with it the session's cookie was lost, is the same visitor.
    """
    browser = request.META.get("CSRF_COOKIE")
    if submission is None or browser is None:
        return uuid.uuid4()
    # Both are secret: nobody else has the browser's cookie, and a page's submission id alone makes nobody this visitor.
    digest = salted_hmac(_SALT, f"{browser}\n{submission}", algorithm="sha256").digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def remember_visitor(request: HttpRequest, visitor: uuid.UUID) -> None:
    """Store the id in the session, once something is stored that the visitor has to reach.

    The session outlives every upload of the visitor, and is prolonged once a day: written at every
    upload, it would be in the way of signing in at the same moment.
    """
    today = timezone.now().date().isoformat()
    if visitor_of(request) == visitor and request.session.get(_DAY) == today:
        return
    request.session[_KEY], request.session[_DAY] = str(visitor), today
    request.session.set_expiry(timedelta(days=settings.ANONYMOUS_DAYS + 1))


def leave_visitor(request: HttpRequest, visitor: uuid.UUID) -> None:
    """Store the id in the new session after signing out: the next person at this browser may be another."""
    remember_visitor(request, visitor)
    request.session[_LEFT] = True


def is_left(request: HttpRequest) -> bool:
    """Whether the visitor's uploads are of an earlier session."""
    return _LEFT in request.session


def forget_visitor(request: HttpRequest) -> None:
    for key in (_KEY, _DAY, _LEFT):
        request.session.pop(key, None)
