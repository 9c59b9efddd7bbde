"""Filters beside the list of predictions."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from classifier.class_labels import class_label
from classifier.models import ModelVersion


class ConfidenceFilter(admin.SimpleListFilter):
    """Bands of confidence: the low ones are where the wrong answers are."""

    title = _("confidence")
    parameter_name = "confidence_band"
    bands = {"0-50": (0.0, 0.5), "50-70": (0.5, 0.7), "70-90": (0.7, 0.9), "90-99": (0.9, 0.99), "99-100": (0.99, 1.1)}

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(band, f"{band.replace('-', '–')}%") for band in self.bands]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in self.bands:
            return queryset
        low, high = self.bands[self.value()]
        return queryset.filter(confidence__gte=low, confidence__lt=high)


class ClassFilter(admin.SimpleListFilter):
    """The classes that the published models know, without a look through all predictions."""

    title = _("class")
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        names = {name for version in ModelVersion.objects.all() for name in version.known_classes}
        return [(name, class_label(name)) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(predicted_class=self.value()) if self.value() else queryset
