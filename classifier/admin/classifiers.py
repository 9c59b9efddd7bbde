"""Classifiers of everybody's own classes, and their versions; images are their owners'."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from classifier.admin.read_only import ReadOnlyAdmin
from classifier.models import Classifier
from classifier.services.classifiers.overview import with_counts
from classifier.services.classifiers.training import versions_of


@admin.register(Classifier)
class ClassifierAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "owner", "class_count", "image_count", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name"]
    readonly_fields = ["name", "owner", "visitor", "class_count", "image_count", "versions", "created_at"]
    fields = tuple(readonly_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Classifier]:
        return with_counts(super().get_queryset(request))

    @admin.display(description=_("classes"))
    def class_count(self, classifier: Classifier) -> int:
        return classifier.class_count  # type: ignore[attr-defined]

    @admin.display(description=_("images"))
    def image_count(self, classifier: Classifier) -> int:
        return classifier.image_count  # type: ignore[attr-defined]

    @admin.display(description=_("versions"))
    def versions(self, classifier: Classifier) -> int:
        return len(versions_of(classifier))
