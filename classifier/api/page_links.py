"""The addresses of the pages before and after one of a list."""

from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from classifier.services.history.pagination import Page


def links(page: Page, request: Request) -> dict[str, str | None]:
    address = remove_query_param(remove_query_param(request.build_absolute_uri(), "after"), "before")
    return {
        "next": page.after and replace_query_param(address, "after", page.after),
        "previous": page.before and replace_query_param(address, "before", page.before),
    }
