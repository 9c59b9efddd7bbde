"""Responses to request bodies that are too large, of unknown length, or incomplete."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.log import log_response
from django.utils.translation import gettext as _

from classifier.services.jobs.failures import NoRoom, NoRoomForAnybody, explain_failure
from classifier.services.jobs.room import check_bytes
from classifier.services.predictions.intake import MEGABYTE
from classifier.web.limits import archives_of, images_of
from classifier.web.refusal import refusal
from classifier.web.requests import owner_of
from classifier.web.selections import receive_files

logger = logging.getLogger(__name__)

#: The size allowed for a form's fields beside its files.
_FIELDS_MEGABYTES = 4
FIELDS_BYTES = _FIELDS_MEGABYTES * MEGABYTE


class BodyMiddleware:
    """Refuse too large (413) or unannounced (411) bodies unread, and slow (408) or incomplete (400) ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, *_arguments) -> HttpResponse | None:
        images, archives = _files(request, view)
        if _announced(request) > most_bytes(images, archives):
            what = _("The request is too large.")
            return _refuse(request, 413, _("Too large"), what, _advice(images))
        if archives and request.method == "POST" and (response := _no_room(request)):
            return response
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            # Django would treat it as empty.
            what = _("The request does not state its length.")
            return _refuse(request, 411, _("Length required"), what, _("Send it with a Content-Length header."))
        if request.encoding:
            # The pages send forms in this encoding; Django cannot read some others that a client may name.
            request.encoding = settings.DEFAULT_CHARSET
        receive_files(request, view)
        if request.method == "POST" and not getattr(view, "csrf_exempt", False) and "CSRF_COOKIE" in request.META:
            try:
                # The CSRF check treats a form that cannot be read as one without a token. Where there is no
                # cookie to compare it with, the form is refused unread.
                request.POST  # noqa: B018
            except UnreadablePostError as error:
                return _unreadable(request, error)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _unreadable(request, exception) if isinstance(exception, UnreadablePostError) else None


def _no_room(request: HttpRequest) -> HttpResponse | None:
    """Refuse an archive that may not be stored before it is sent."""
    try:
        check_bytes(owner_of(request), max(_announced(request) - FIELDS_BYTES, 0))
    except NoRoom as error:
        return _refuse(request, 413, _("Too large"), explain_failure(error.code, error.values), "")
    except NoRoomForAnybody as error:
        response = _refuse(request, 503, _("Temporarily unavailable"), explain_failure(error.code, error.values), "")
        response["Retry-After"] = str(60 * 60)
        return response
    return None


def _announced(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _files(request: HttpRequest, view: Callable) -> tuple[int, int]:
    """How many images and archives the request may bring."""
    if request.content_type == "multipart/form-data":
        return images_of(view), archives_of(view)
    return images_of(view) if (request.content_type or "").startswith("image/") else 0, 0


def most_bytes(images: int, archives: int = 0) -> int:
    """Return the size of the largest body for a view that takes this many images and archives."""
    if images or archives:
        files = images * settings.MAX_UPLOAD_MEGABYTES + archives * settings.MAX_ARCHIVE_MEGABYTES
        return (files + _FIELDS_MEGABYTES) * MEGABYTE
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _advice(images: int) -> str:
    if images == 1:
        return _("Choose one file of at most %(size)s MB.") % {"size": settings.MAX_UPLOAD_MEGABYTES}
    return _("Send less, or send it in parts.")


def _unreadable(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    advice = _("Nothing was saved. Please send it again.")
    if isinstance(error.__cause__, (BlockingIOError, TimeoutError)):
        return _refuse(request, 408, _("Too slow"), _("The request arrived too slowly."), advice)
    return _refuse(request, 400, _("Bad request"), _("The request was incomplete."), advice)


def _refuse(request: HttpRequest, status: int, title: str, what: str, advice: str) -> HttpResponse:
    response = refusal(request, status=status, title=title, what=what, advice=[advice] if advice else [])
    log_response("%s: %s", title, request.path, response=response, request=request, logger=logger)
    return response
