"""The ID of a request, and its URL pattern for logs and metrics."""

import re
import uuid
from contextvars import ContextVar, Token

from django.http import HttpRequest

#: The request IDs accepted from a proxy.
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The ID of the current request of this thread; empty outside a request."""
    return _current.get()


def begin_request(given: str = "") -> Token:
    """Set the request ID: the proxy's if it is valid, else a random one."""
    return _current.set(given if _SANE.fullmatch(given) else uuid.uuid4().hex)


def resume_request(request_id: str) -> Token:
    return _current.set(request_id)


def end_request(token: Token) -> None:
    _current.reset(token)


def route_of(request: HttpRequest) -> str:
    """The URL pattern, which contains no IDs or names; "unknown" if no pattern matches."""
    match = request.resolver_match
    return "unknown" if match is None else f"/{match.route}"
