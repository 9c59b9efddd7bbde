"""What all of the site's admin pages share."""

from functools import cached_property

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest


class BoundedPaginator(Paginator):
    """Pages of the first rows alone: counting a million would take longer than anyone looks for; filters go on."""

    MOST = 5_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.MOST].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the site writes and people read."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
