"""Responses while the disk, the database or the model is unavailable."""

import logging
import sys
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response
from django.utils.translation import gettext as _

from classifier.services.models.serving import NoModel
from classifier.services.operations.storage import Reason, as_unavailable, explain_unavailable, renew_connection
from classifier.services.predictions.classification import OwnerGone
from classifier.services.predictions.turns import Busy
from classifier.web.errors import fault
from classifier.web.refusal import problem_response, refusal, wants_json
from ml.images.decoder import DecoderUnavailable
from ml.serving.inference import NoInterpreterFree

logger = logging.getLogger(__name__)

#: A lock is released soon; a full disk needs an administrator.
_RETRY_AFTER = {Reason.BUSY: 5, Reason.UNREACHABLE: 15}
_RETRY_AFTER_OTHERS = 30
#: How often a process retries loading a model.
_RETRY_AFTER_NO_MODEL = 10
#: A turn at a decoder or an interpreter takes seconds.
_RETRY_AFTER_BUSY = 5


@dataclass(frozen=True)
class _Trouble:
    """cause: for the log. text: for the user. retry_after: in seconds."""

    cause: str
    text: str
    retry_after: int


class UnavailableMiddleware:
    """Turn temporary failures of disk, database or model into responses with status 503.

    No view or API method needs to handle StorageUnavailable, NoModel, DecoderUnavailable, NoInterpreterFree, or what
    the database itself raises; nor Busy, whose answer may be 429, nor OwnerGone, whose answer is 403.
    """

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OwnerGone):
            return _gone(request)
        return _busy(request, exception) if isinstance(exception, Busy) else unavailable_response(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """The response to an error outside the views, such as a session that cannot be saved, or to any other error."""
    error = sys.exc_info()[1]
    return (error and unavailable_response(request, error)) or _fault(request)


def _fault(request: HttpRequest) -> HttpResponse:
    if not wants_json(request):
        return fault()
    text = _("The error is on our side, and we have logged it. Please try again.")
    return problem_response(status=500, title=_("Something went wrong"), detail=text)


def _gone(request: HttpRequest) -> HttpResponse:
    what = _("Your account was deleted while this request was being sent.")
    return refusal(request, status=403, title=_("Account deleted"), what=what, advice=[_("Nothing was saved.")])


def _busy(request: HttpRequest, error: Busy) -> HttpResponse:
    """429 where the client's other requests are what it waits for, else 503."""
    if error.own:
        status, title = 429, _("Too many requests")
        what = _("The site is still processing other images from you or your network.")
    else:
        status, title, what = 503, _("Temporarily unavailable"), _("The site is busy processing other images.")
    response = refusal(
        request, status=status, title=title, what=what, advice=[_advice(request)], retry_after=_RETRY_AFTER_BUSY
    )
    log_response("%s: %s", error, request.path, response=response, request=request, logger=logger)
    return response


def unavailable_response(request: HttpRequest, error: BaseException) -> HttpResponse | None:
    """Return a response with status 503 for a temporary error, and log one line; None for any other error."""
    trouble = _trouble(error)
    if trouble is None:
        return None
    response = _respond(request, trouble)
    # Django's log_response marks the response, so that it is not logged twice.
    log_response("%s: %s", trouble.cause, request.path, response=response, request=request, logger=logger)
    if unavailable := as_unavailable(error):
        renew_connection(unavailable)
    return response


def _trouble(error: BaseException) -> _Trouble | None:
    if isinstance(error, NoModel):
        return _Trouble(str(error), _("No model is available at the moment."), _RETRY_AFTER_NO_MODEL)
    if isinstance(error, NoInterpreterFree):
        return _Trouble(str(error), _("The site is busy processing other images."), _RETRY_AFTER_OTHERS)
    if isinstance(error, DecoderUnavailable):
        return _Trouble(str(error), _("The site cannot process images at the moment."), _RETRY_AFTER_OTHERS)
    if unavailable := as_unavailable(error):
        retry_after = _RETRY_AFTER.get(unavailable.reason, _RETRY_AFTER_OTHERS)
        return _Trouble(str(unavailable), explain_unavailable(unavailable), retry_after)
    return None


def _respond(request: HttpRequest, trouble: _Trouble) -> HttpResponse:
    return refusal(
        request,
        status=503,
        title=_("Temporarily unavailable"),
        what=trouble.text,
        advice=[_("Your saved images are safe."), _advice(request)],
        retry_after=trouble.retry_after,
    )


def _advice(request: HttpRequest) -> str:
    if request.resolver_match and request.resolver_match.view_name == "api_batch":
        # The images before this one stay stored.
        return _(
            "Some of the images may have been saved. Send the same request with the same Idempotency-Key "
            "again in a minute; no image is stored twice."
        )
    if request.method in ("GET", "HEAD"):
        return _("Please try again in a minute.")
    return _("Your request was not saved. Please send it again in a minute.")
