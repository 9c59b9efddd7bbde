"""How the site says no: the same words as a page, a part of a page, or problem details for a program."""

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from classifier.web.request_ids import current_request_id


def refusal(
    request: HttpRequest, *, status: int, title: str, what: str, advice: list[str], retry_after: int | None = None
) -> HttpResponse:
    """The answer with this status.

    what: what has happened. advice: sentences. retry_after: seconds, None where waiting is of no use.
    """
    response = _respond(request, status, title, what, advice)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    add_never_cache_headers(response)
    return response


def problem(*, status: int, title: str, detail: str) -> JsonResponse:
    """Problem details (RFC 9457) with the request's number."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    content |= {"request_id": current_request_id()}
    return JsonResponse(content, status=status, content_type="application/problem+json")


def wants_json(request: HttpRequest) -> bool:
    preferred = request.get_preferred_type(["text/html", "application/json", "application/problem+json"])
    return request.path.startswith("/api/") or (preferred or "").endswith("json")


def _respond(request: HttpRequest, status: int, title: str, what: str, advice: list[str]) -> HttpResponse:
    if wants_json(request):
        return problem(status=status, title=title, detail=" ".join([what, *advice]))
    context = {"title": title, "what": what, "advice": advice}
    if getattr(request, "htmx", False):
        return HttpResponse(render_to_string("classifier/_refused.html", context), status=status)
    try:
        return HttpResponse(
            render_to_string("refused.html", {**context, "layout": "base.html"}, request), status=status
        )
    except DatabaseError:
        # The site's own frame asks the database who is signed in.
        bare = {**context, "layout": "includes/bare.html"}
        return HttpResponse(render_to_string("refused.html", bare), status=status)
