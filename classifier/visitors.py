"""The anonymous visitor's number, kept in the session; it outlives the change of session key at sign-in."""

import uuid

from django.http import HttpRequest

_KEY = "visitor"


def visitor_of(request: HttpRequest) -> uuid.UUID | None:
    value = request.session.get(_KEY)
    return uuid.UUID(value) if value else None


def make_visitor(request: HttpRequest) -> uuid.UUID:
    """Return the visitor's number, giving one to somebody who has none yet."""
    visitor = visitor_of(request)
    if visitor is None:
        visitor = uuid.uuid4()
        request.session[_KEY] = str(visitor)
    return visitor


def forget_visitor(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
