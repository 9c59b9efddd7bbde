"""The ID of a request, and its URL pattern for logs and metrics."""

import re
import uuid
from contextvars import ContextVar, Token

from django.http import HttpRequest

#: The request IDs accepted from a proxy.
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The number of the request that this thread answers; empty where it answers none."""
    return _current.get()


def begin_request(given: str = "") -> Token:
    """Give the request its number: the one that is given if it is a sane one, else a random one."""
    return _current.set(given if _SANE.fullmatch(given) else uuid.uuid4().hex)


def resume_request(request_id: str) -> Token:
    return _current.set(request_id)


def end_request(token: Token) -> None:
    _current.reset(token)


def route_of(request: HttpRequest) -> str:
    """The pattern of the address, which has no number or name of anything in it; "unknown" for an address of none."""
    match = request.resolver_match
    return "unknown" if match is None else f"/{match.route}"
