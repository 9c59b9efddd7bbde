"""Error pages. Django's own look for a CSRF token and read a body of any size for it."""

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseForbidden,
    HttpResponseNotFound,
    HttpResponseServerError,
)
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    # If the request itself is at fault, the page is rendered without it.
    return HttpResponseBadRequest(render_to_string("400.html"))


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponseForbidden(render_to_string("403.html", request=request))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponseNotFound(render_to_string("404.html", request=request))


def fault() -> HttpResponse:
    return HttpResponseServerError(render_to_string("500.html"))
