"""Errors as problem details (RFC 9457), in the language of the request."""

from collections.abc import Iterator

from django.core.exceptions import SuspiciousOperation
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from classifier.api.authentication import ReadOnlyToken
from classifier.api.throttling import refuse_stranger
from classifier.services.predictions.intake import explain_image_error, status_of
from classifier.services.predictions.submission import KeyReused
from classifier.web.refusal import PROBLEM_TYPE, problem_details
from ml.images.errors import ImageError

#: Problems that mean more than their status does; each has its paragraph on the page that the type leads to.
INVALID, KEY_REUSED, READ_ONLY_TOKEN = "invalid", "idempotency-key-reused", ReadOnlyToken.default_code
TITLES = {
    INVALID: gettext_lazy("Invalid request"),
    KEY_REUSED: gettext_lazy("Idempotency-Key already used"),
    READ_ONLY_TOKEN: gettext_lazy("Read-only token"),
}
_STATUSES = {
    400: gettext_lazy("Bad request"),
    401: gettext_lazy("Authentication required"),
    403: gettext_lazy("Access denied"),
    404: gettext_lazy("Not found"),
    405: gettext_lazy("Method not allowed"),
    406: pgettext_lazy("an answer", "Not acceptable"),
    413: gettext_lazy("Too large"),
    415: gettext_lazy("Unsupported media type"),
    429: gettext_lazy("Too many requests"),
}
#: Replace messages that Django REST framework has in English only.
_WORDS = {"surrogate_characters_not_allowed": gettext_lazy("This contains invalid characters. Remove them.")}


class KeyConflict(APIException):
    status_code = 409
    default_detail = gettext_lazy("This Idempotency-Key was already used for a different request. Use a new key.")
    default_code = KEY_REUSED


def handle(error: Exception, context: dict) -> Response | None:
    """Return the API's response to an exception in a view; None leaves it to the rest of the site."""
    if isinstance(error, Http404):
        error = exceptions.NotFound(_("Not found, or you do not have access to it."))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        error = refuse_stranger(context["request"]) or error
    if isinstance(error, exceptions.NotAuthenticated):
        error.detail = ErrorDetail(_("Sign in, or send a token: Authorization: Bearer …"), error.default_code)
    if isinstance(error, SuspiciousOperation):
        # For one, more parts in a form than Django reads.
        error = exceptions.ParseError()
    if isinstance(error, ValidationError):
        error.status_code = max([error.status_code, *map(status_of, _codes(error))])
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException):
        request = context["request"]
        response.data = describe(error, request)
        response.content_type = PROBLEM_TYPE
        # Whatever the method itself would have answered in.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return response


def describe(error: APIException, request: Request) -> dict:
    """The problem's members. Of a ValidationError each field's errors are listed."""
    if not isinstance(error, ValidationError):
        return _describe(str(error.get_codes()), error.status_code, str(error.detail), request)
    errors = [*_flat(error.get_full_details())]
    detail = " ".join(dict.fromkeys(one["detail"] for one in errors))
    return _describe(INVALID, error.status_code, detail, request) | {"errors": errors}


def describe_image(error: ImageError | KeyReused, request: Request) -> dict:
    """The problem of one image of several."""
    if isinstance(error, KeyReused):
        return describe(KeyConflict(), request)
    refused = ValidationError({"image": [ErrorDetail(explain_image_error(error), error.code)]})
    refused.status_code = status_of(error.code)
    return describe(refused, request)


def _describe(code: str, status: int, detail: str, request: Request) -> dict:
    problem_type, title = "about:blank", _STATUSES.get(status, "")
    if code in TITLES:
        problem_type, title = request.build_absolute_uri(f"{reverse('api_problems')}#{code}"), TITLES[code]
    return problem_details(status=status, title=str(title), detail=detail, problem_type=problem_type)


def _flat(details: object, path: str = "") -> Iterator[dict[str, str]]:
    """The errors of a ValidationError's nested details, with the name of the field that each is of."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": path, "code": details["code"], "detail": str(_WORDS.get(details["code"], details["message"]))}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _flat(inner, f"{path}.{name}" if path else "" if name == "non_field_errors" else str(name))
    elif isinstance(details, list | tuple):
        for inner in details:
            yield from _flat(inner, path)


def _codes(error: ValidationError) -> list[str]:
    return [one["code"] for one in _flat(error.get_full_details())]
