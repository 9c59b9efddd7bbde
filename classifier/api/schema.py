"""Additions to the OpenAPI schema: errors, headers and examples."""

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from classifier.api.authentication import BearerAuthentication, PagesSession
from classifier.api.representations import ProblemSerializer
from classifier.api.schema_examples import PROBLEMS
from classifier.api.serializers import KEY_HEADER
from classifier.web.refusal import PROBLEM_TYPE

_WHY = {
    400: gettext_lazy("The request is invalid; see “errors”."),
    401: gettext_lazy("The token or session is missing, or the token has expired."),
    403: gettext_lazy("The token is read-only, or the session’s CSRF token is missing."),
    404: gettext_lazy("Not found, or it belongs to somebody else."),
    406: gettext_lazy("The requested response format is not available."),
    408: gettext_lazy("The request body arrived too slowly."),
    409: gettext_lazy("The Idempotency-Key was already used for a different request, or there is nothing to do."),
    411: gettext_lazy("The request has no Content-Length."),
    413: gettext_lazy("The request body is too large, or the image has too many bytes or pixels."),
    415: gettext_lazy("The media type of the request body is not supported."),
    429: gettext_lazy("Too many requests. Try again after the number of seconds in the header Retry-After."),
    503: gettext_lazy("The model, disk or database is temporarily unavailable. Try again after Retry-After seconds."),
}
_WITHOUT_OTHER_NAMES = (
    "CreateRequest",
    "BatchRequest",
    "SubmitJobRequest",
    "RescoreRequest",
    "ExportRequest",
    "NewClassifierRequest",
    "ClassNameRequest",
    "NewExampleRequest",
    "PatchedExampleChangeRequest",
)
#: Which fields of a body go together, by its schema. Of forms the descriptions say it: with files, generators of
#: requests do not understand such rules.
_TOGETHER = {
    "RescoreRequest": {"oneOf": [{"required": ["model"]}, {"required": ["classifier"]}]},
    "PatchedExampleChangeRequest": {"minProperties": 1},
}
_ALWAYS = (401, 406, 429, 503)
_WITH_A_BODY = (408, 411, 413)

IDEMPOTENCY_KEY = OpenApiParameter(
    KEY_HEADER,
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[!-~]+$"},
    OpenApiParameter.HEADER,
    description=gettext_lazy(
        "Your own identifier for this request, such as a UUID. Requests repeated with the same key "
        "get the same response and are stored once."
    ),
)
# Parameters have no examples, because the API docs fill them into the form.
_RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    {"type": "integer", "minimum": 0},
    OpenApiParameter.HEADER,
    response=[429, 503],
    description=gettext_lazy("The number of seconds to wait before trying again."),
)
_LOCATION = OpenApiParameter(
    "Location",
    OpenApiTypes.URI,
    OpenApiParameter.HEADER,
    response=[201, 202],
    description=gettext_lazy("The address of the stored prediction, as in “url”."),
)

PREDICTION_ID = OpenApiParameter(
    "prediction_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description=gettext_lazy("The prediction’s “id”.")
)
JOB_ID = OpenApiParameter(
    "job_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description=gettext_lazy("The job's “id”.")
)
CLASSIFIER_ID = OpenApiParameter(
    "classifier_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description=gettext_lazy("The classifier’s “id”.")
)
CLASS_ID = OpenApiParameter(
    "class_id", OpenApiTypes.INT, OpenApiParameter.PATH, description=gettext_lazy("The class’s “id”.")
)
EXAMPLE_ID = OpenApiParameter(
    "example_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description=gettext_lazy("The example’s “id”.")
)
VERSION = OpenApiParameter(
    "number", OpenApiTypes.INT, OpenApiParameter.PATH, description=gettext_lazy("The version’s “number”.")
)
MODEL = OpenApiParameter(
    "model",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+(@[0-9]+)?$"},
    OpenApiParameter.PATH,
    description=gettext_lazy("A name, for its newest version, or name@2."),
)


class BearerScheme(KnoxTokenScheme):
    target_class = BearerAuthentication  # type: ignore[assignment]
    name = "token"


class PagesSessionScheme(SessionScheme):
    target_class = PagesSession  # type: ignore[assignment]


def describe_bodies(result: dict, **_context) -> dict:
    """Say that bodies are required, which have no other names in them, and which fields go together.

    drf-spectacular says the first only where there is one format, and has no way to say the others.
    """
    for name in _WITHOUT_OTHER_NAMES:
        result["components"]["schemas"][name]["additionalProperties"] = False
    for name, rule in _TOGETHER.items():
        result["components"]["schemas"][name] |= rule
    for methods in result["paths"].values():
        for described in methods.values():
            if "requestBody" in described:
                described["requestBody"]["required"] = True
    return result


def operation(
    *,
    operation_id: str,
    summary: Promise,
    description: Promise,
    answer: type[Serializer] | OpenApiTypes | None,
    example: object = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    parameters: Sequence[OpenApiParameter | type[Serializer]] = (),
    **options,
):
    """Describe an API method: its answer with an example, and every error that it may answer with."""
    done = OpenApiResponse(
        answer, summary, examples=[] if example is None else [OpenApiExample("answer", example, response_only=True)]
    )
    responses = {status: done, **options.pop("more_responses", {})}
    codes = {*errors, *_ALWAYS, *(_WITH_A_BODY if "request" in options else ())}
    responses |= {(code, PROBLEM_TYPE): _problem_response(code) for code in sorted(codes)}
    headers = [_RETRY_AFTER, _LOCATION] if status in (201, 202) else [_RETRY_AFTER]
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        parameters=[*parameters, *headers],
        responses=responses,
        **options,
    )


def _problem_response(status: int) -> OpenApiResponse:
    example = OpenApiExample("problem", PROBLEMS[status], response_only=True, media_type=PROBLEM_TYPE)
    return OpenApiResponse(ProblemSerializer, _WHY[status], examples=[example])
