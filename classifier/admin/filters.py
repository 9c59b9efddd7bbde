"""Filters beside the list of predictions."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from classifier.models import ModelVersion, Prediction
from classifier.presentation.class_labels import class_label


class ConfidenceFilter(admin.SimpleListFilter):
    """Bands of confidence: the low ones are where the wrong answers are."""

    title = _("confidence")
    parameter_name = "confidence_band"
    bands = {"0-50": (0.0, 0.5), "50-70": (0.5, 0.7), "70-90": (0.7, 0.9), "90-99": (0.9, 0.99), "99-100": (0.99, 1.1)}

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(band, f"{band.replace('-', '–')}%") for band in self.bands]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        band = self.bands.get(self.value() or "")
        if band is None:
            return queryset
        low, high = band
        return queryset.filter(confidence__gte=low, confidence__lt=high)


class ClassFilter(admin.SimpleListFilter):
    """The classes that the published models know, without a look through all predictions."""

    title = _("class")
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        names = {name for version in ModelVersion.objects.all() for name in version.known_classes}
        return [(name, class_label(name)) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        # The closest match of an abstention is not an answer.
        return queryset.filter(predicted_class=self.value(), abstained=False) if self.value() else queryset


class OwnerFilter(admin.SimpleListFilter):
    """Whose rows: of nobody with an account, of those who were active last, or of the owner in the address."""

    title = _("owner")
    parameter_name = "owner"
    _anonymous = "anonymous"
    _looked_at, _shown = 1_000, 20

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        newest = Prediction.objects.order_by("-created_at", "-id").values_list("owner", flat=True)
        keys = [key for key in dict.fromkeys(newest[: self._looked_at]) if key is not None][: self._shown]
        asked_for = request.GET.get(self.parameter_name, "")
        if asked_for.isdecimal() and len(asked_for) < 19:
            keys.append(int(asked_for))
        owners = get_user_model().objects.filter(pk__in=keys)
        return [
            (self._anonymous, str(_("anonymous"))),
            *sorted(((str(owner.pk), owner.get_username()) for owner in owners), key=lambda choice: choice[1]),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == self._anonymous:
            return queryset.filter(owner=None)
        # Only the offered values filter; any other value is ignored.
        offered = {key for key, _name in self.lookup_choices}
        return queryset.filter(owner=self.value()) if self.value() in offered else queryset
