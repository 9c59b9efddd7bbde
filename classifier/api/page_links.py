"""A page of a list, and the addresses of the pages before and after it."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from classifier.services.history.pagination import BadCursor, Page, page_of


def requested_page(rows: QuerySet, cursor: dict[str, Any]) -> Page:
    """Return the page of rows that `page_of` finds by the cursor; raise NotFound for a cursor of no page."""
    try:
        return page_of(rows, **cursor)
    except BadCursor as error:
        raise NotFound(_("Invalid cursor. Use the addresses in “next” and “previous”.")) from error


def links(page: Page, request: Request) -> dict[str, str | None]:
    address = remove_query_param(remove_query_param(request.build_absolute_uri(), "after"), "before")
    return {
        "next": page.after and replace_query_param(address, "after", page.after),
        "previous": page.before and replace_query_param(address, "before", page.before),
    }
