"""Give every request an ID, a log line and metrics; none of them contains its data."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from classifier.services.operations import metrics
from classifier.web.request_ids import begin_request, current_request_id, end_request, resume_request, route_of

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"


class ObservationMiddleware:
    """The outermost middleware, so that every error inside has a request ID too. Static files bypass it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        # Read once: this is the only cost for static files.
        self.static = f"/{settings.STATIC_URL.lstrip('/')}"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(self.static):
            return self._respond(request)
        started = time.perf_counter()
        metrics.begin_request()
        token = begin_request(request.headers.get(HEADER, "") if settings.BEHIND_PROXY else "")
        try:
            response = self._respond(request)
            response[HEADER] = current_request_id()
            if isinstance(response, StreamingHttpResponse) and _is_open_ended(request, response):
                response.streaming_content = _Observed(request, response, started)
            else:
                _record(request, response, started, _size(request, response))
            return response
        finally:
            end_request(token)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method == "HEAD":
            _leave_out_body(response)
        return response


class _Observed:
    """A streamed body: the request ends when the body does, or when the client stops reading."""

    def __init__(self, request: HttpRequest, response: StreamingHttpResponse, started: float) -> None:
        self.request, self.response, self.started = request, response, started
        self.parts = iter(cast(Iterator[bytes], response.streaming_content))
        self.request_id = current_request_id()
        self.size, self.is_over = 0, False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = resume_request(self.request_id)
        try:
            part = next(self.parts)
        finally:
            end_request(token)
        self.size += len(part)
        return part

    def close(self) -> None:
        """Called once by the server, however the body ended."""
        if self.is_over:
            return
        self.is_over = True
        token = resume_request(self.request_id)
        try:
            _record(self.request, self.response, self.started, self.size)
        finally:
            end_request(token)


def _record(request: HttpRequest, response: HttpResponseBase, started: float, size: int) -> None:
    seconds = time.perf_counter() - started
    route = route_of(request)
    metrics.end_request(method=request.method or "", route=route, status=response.status_code, seconds=seconds)
    answered = {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "milliseconds": round(1000 * seconds, 1),
        "bytes": size,
        "user_id": _user_id(request),
    }
    words = "%s %s %s, %.0f ms, %s bytes"
    values = request.method, route, response.status_code, 1000 * seconds, size
    logger.info(words, *values, extra={"answered": answered})


def _user_id(request: HttpRequest) -> int | None:
    user = getattr(request, "user", None)
    if not isinstance(user, SimpleLazyObject):
        return getattr(user, "pk", None)
    # Loading the user may query the database, which may have failed; a session that was read knows the id.
    user_id = request.session.get(SESSION_KEY) if request.session.accessed else None
    return user_id and int(user_id)


def _leave_out_body(response: HttpResponseBase) -> None:
    """Keep the headers of a body that is not sent (HEAD). A streamed body is closed unread."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    elif isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""


def _is_open_ended(request: HttpRequest, response: StreamingHttpResponse) -> bool:
    return request.method != "HEAD" and "Content-Length" not in response.headers


def _size(request: HttpRequest, response: HttpResponseBase) -> int:
    if request.method == "HEAD":
        return 0
    length = response.headers.get("Content-Length")
    return int(length) if length else len(getattr(response, "content", b""))
