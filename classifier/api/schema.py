"""What the OpenAPI description says beyond what it finds in the serializers: errors, headers and examples."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from classifier.api.authentication import BearerAuthentication
from classifier.api.examples import PROBLEMS
from classifier.api.problems import CONTENT_TYPE
from classifier.api.representations import ProblemSerializer
from classifier.api.serializers import KEY_HEADER

_WHY = {
    400: gettext_lazy("Something that was sent is not valid; “errors” says what."),
    401: gettext_lazy("There is no token or session, or the token does not hold any more."),
    403: gettext_lazy("The token may only read, or the session's CSRF token is missing."),
    404: gettext_lazy("There is no such thing, or it is somebody else's."),
    406: gettext_lazy("The answer was asked for in a format that there is not."),
    409: gettext_lazy("The Idempotency-Key was used for something else."),
    413: gettext_lazy("The image has too many bytes or pixels."),
    415: gettext_lazy("The body is in a format that is not read."),
    429: gettext_lazy("Too many requests in too little time; the header Retry-After says when to go on."),
    503: gettext_lazy("Model, disk or database cannot do its part for now; try again after Retry-After seconds."),
}
_ALWAYS = (401, 406, 429, 503)

IDEMPOTENCY_KEY = OpenApiParameter(
    KEY_HEADER,
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[!-~]+$"},
    OpenApiParameter.HEADER,
    description=gettext_lazy(
        "Your own name for this request, such as a UUID. The same request under the same key has the same answer and "
        "is stored once, however often it is sent."
    ),
    examples=[OpenApiExample("a UUID", "3f0e2a52-0b9a-4a5e-9a32-7c0c9f6f0d5b")],
)

PREDICTION_ID = OpenApiParameter(
    "prediction_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description=gettext_lazy("The prediction's “id”.")
)
MODEL = OpenApiParameter(
    "model",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+(@[0-9]+)?$"},
    OpenApiParameter.PATH,
    description=gettext_lazy("A name for its newest version, or name@2."),
)


class BearerScheme(KnoxTokenScheme):
    target_class = BearerAuthentication
    name = "token"


def require_bodies(result: dict, **_context) -> dict:
    """Say that no operation that takes a body does without one; drf-spectacular says so where there is one format."""
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
    **options,
):
    """Describe an API method: its answer with an example, and every error that it may answer with."""
    done = OpenApiResponse(
        answer, summary, examples=[] if example is None else [OpenApiExample("answer", example, response_only=True)]
    )
    responses = {status: done, **options.pop("more_responses", {})}
    responses |= {(code, CONTENT_TYPE): _problem(code) for code in sorted({*errors, *_ALWAYS})}
    return extend_schema(
        operation_id=operation_id, summary=summary, description=description, responses=responses, **options
    )


def _problem(status: int) -> OpenApiResponse:
    example = OpenApiExample("problem", PROBLEMS[status], response_only=True, media_type=CONTENT_TYPE)
    return OpenApiResponse(ProblemSerializer, _WHY[status], examples=[example])
