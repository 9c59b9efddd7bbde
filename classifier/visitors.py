"""The anonymous visitor's id, stored in the session; it outlives the change of session key at sign-in."""

import uuid

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

_KEY = "visitor"
_SALT = "classifier.visitors"


def visitor_of(request: HttpRequest) -> uuid.UUID | None:
    value = request.session.get(_KEY)
    return uuid.UUID(value) if value else None


def visitor_or_new(request: HttpRequest, *, submission: uuid.UUID | None) -> uuid.UUID:
    """Return the visitor's id, or one for a visitor who has none yet; it is not stored in the session.

    submission: the id that the page gave to what is sent. The same browser that sends it again, because the response
    and with it the session's cookie was lost, is the same visitor.
    """
    if visitor := visitor_of(request):
        return visitor
    browser = request.META.get("CSRF_COOKIE")
    if submission is None or browser is None:
        return uuid.uuid4()
    # Both are secret: nobody else has the browser's cookie, and a page's submission id alone makes nobody this visitor.
    digest = salted_hmac(_SALT, f"{browser}\n{submission}", algorithm="sha256").digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def remember_visitor(request: HttpRequest, visitor: uuid.UUID) -> None:
    """Store the id in the session, once something is stored that the visitor has to reach."""
    if visitor_of(request) != visitor:
        request.session[_KEY] = str(visitor)


def forget_visitor(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
