"""The number of a request, by which its answer and its lines in the log are found again."""

import re
import uuid
from contextvars import ContextVar, Token

#: What a proxy may call a request: nothing that could be anything but a number.
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
