"""Error responses: one text as a page, as a part of a page, or as problem details (RFC 9457)."""

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from classifier.web.request_ids import current_request_id

#: The media type of problem details.
PROBLEM_TYPE = "application/problem+json"


def refusal(
    request: HttpRequest, *, status: int, title: str, what: str, advice: list[str], retry_after: int | None = None
) -> HttpResponse:
    """Return an error response, in the format that the client prefers.

    what: what happened. advice: sentences on what to do. retry_after: seconds, None if waiting does not help.
    """
    response = _respond(request, status, title, what, advice)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    add_never_cache_headers(response)
    return response


def problem_details(*, status: int, title: str, detail: str, problem_type: str = "about:blank") -> dict:
    """Problem details (RFC 9457) with the request id."""
    content = {"type": problem_type, "title": title, "status": status, "detail": detail}
    return content | {"request_id": current_request_id()}


def problem_response(*, status: int, title: str, detail: str) -> JsonResponse:
    """A response with problem details."""
    content = problem_details(status=status, title=title, detail=detail)
    return JsonResponse(content, status=status, content_type=PROBLEM_TYPE)


def wants_json(request: HttpRequest) -> bool:
    preferred = request.get_preferred_type(["text/html", "application/json", PROBLEM_TYPE])
    return request.path.startswith("/api/") or (preferred or "").endswith("json")


def _respond(request: HttpRequest, status: int, title: str, what: str, advice: list[str]) -> HttpResponse:
    if wants_json(request):
        return problem_response(status=status, title=title, detail=" ".join([what, *advice]))
    context = {"title": title, "what": what, "advice": advice}
    if getattr(request, "htmx", False):
        return HttpResponse(render_to_string("classifier/_refused.html", context), status=status)
    try:
        return HttpResponse(
            render_to_string("refused.html", {**context, "layout": "base.html"}, request), status=status
        )
    except DatabaseError:
        # The site's own page frame queries the database for the user.
        bare = {**context, "layout": "includes/bare.html"}
        return HttpResponse(render_to_string("refused.html", bare), status=status)
