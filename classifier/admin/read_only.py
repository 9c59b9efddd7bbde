"""The base class of the site's admin pages."""

from functools import cached_property
from typing import cast

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from classifier.admin.lookups import CarefulLookups


class BoundedPaginator(Paginator):
    """Pages of the first rows only, because counting a million rows takes too long; filters find the rest.

    A page's rows are found by their ids, for which an index is enough, and only then read.
    """

    MOST = 2_000

    @cached_property
    def count(self) -> int:
        return self._rows.order_by()[: self.MOST].count()

    def page(self, number: int | str) -> Page:
        page = super().page(number)
        ids = list(cast(QuerySet, page.object_list).values_list("pk", flat=True))
        return Page(self._rows.filter(pk__in=ids), page.number, self)

    @property
    def _rows(self) -> QuerySet:
        return cast(QuerySet, self.object_list)


class ReadOnlyAdmin(CarefulLookups):
    """Read-only pages of rows that the site writes."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50

    # The stubs have an argument of Django 6.
    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:  # type: ignore[override]
        """Limit "select all" to the rows that the list counted."""
        if request.POST.get("select_across", "0") not in ("", "0"):
            queryset = queryset.filter(pk__in=list(queryset.values_list("pk", flat=True)[: BoundedPaginator.MOST]))
        return super().response_action(request, queryset)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
