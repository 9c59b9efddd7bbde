"""Lookups in the address of a list: an invalid one gets the response that Django gives to others."""

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import DataError, NotSupportedError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse


class CarefulChangeList(ChangeList):
    """Redirects to the whole list also when the query itself reveals an invalid lookup."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, OverflowError, DataError, NotSupportedError) as error:
            if not self.get_filters_params():
                raise
            raise IncorrectLookupParameters(error) from error


class CarefulLookups(admin.ModelAdmin):
    """For a list and the pages of its rows, whose addresses may contain anything."""

    def get_changelist(self, request: HttpRequest, **options) -> type[ChangeList]:
        return CarefulChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse regular expressions: they may be invalid, or keep the database busy for very long."""
        return not lookup.endswith(("__regex", "__iregex")) and super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        # Django treats an empty name as a lookup.
        return super().get_object(request, object_id, from_field or None)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        """Refuse before Django looks for the row: its own page would tell everybody whether the row exists."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)
