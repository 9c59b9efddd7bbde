"""Predictions and uploads."""

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from classifier.admin.filters import ClassFilter, ConfidenceFilter, OwnerFilter
from classifier.admin.read_only import ReadOnlyAdmin
from classifier.admin.search import search
from classifier.models import Correction, Prediction, Upload
from classifier.presentation.class_labels import class_label
from classifier.services.history.deletion import delete_uploads
from classifier.services.history.export import csv_lines, username_of
from classifier.services.history.pagination import NEWEST_FIRST, walk
from classifier.services.people.ownership import with_details, without_expired
from classifier.templatetags.classification import percent

SEARCH_HELP = _(
    "Search by the start of a file name, a user name or a SHA-256, or by ID. Only the first "
    "2,000 rows of a long list are shown; use the filters to find others."
)


class CorrectionInline(admin.TabularInline):
    """All corrections of a prediction, including undone ones."""

    model = Correction
    fields = readonly_fields = ("label_name", "by", "created_at", "undone_at")
    extra = 0
    can_delete = False

    @admin.display(description=_("class"))
    def label_name(self, correction: Correction) -> str:
        return str(class_label(correction.label))

    @admin.display(description=_("user"))
    def by(self, correction: Correction) -> str:
        return correction.user.get_username() if correction.user else str(_("anonymous"))

    def has_add_permission(self, request: HttpRequest, obj: Prediction | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Correction | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Correction | None = None) -> bool:
        """People who may see the prediction may see its corrections."""
        return request.user.has_perm("classifier.view_prediction")


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = [
        "picture",
        "class_name",
        "confidence_percent",
        "without_answer",
        "was_right",
        "model_version",
        "owner_name",
        "file_name",
        "created_at",
    ]
    list_display_links = ["class_name"]
    # Only columns with an index: sorting a million rows without one takes seconds.
    sortable_by = ["confidence_percent", "created_at"]
    list_filter = [ClassFilter, ConfidenceFilter, "abstained", "was_right", "model_version", OwnerFilter, "created_at"]
    actions = ["as_csv"]
    # The fields that `get_search_results` searches.
    search_fields = ["upload__folded_name", "owner__username", "upload__sha256", "id"]
    search_help_text = SEARCH_HELP
    inlines = [CorrectionInline]
    readonly_fields = [
        "large_picture",
        "class_name",
        "confidence_percent",
        "all_probabilities",
        "without_answer",
        "abstention_score",
        "corrected_name",
        "was_right",
        "model_version",
        "network",
        "preprocessing_version",
        "timings",
        "upload",
        "owner_name",
        "created_at",
        "id",
    ]
    fields = [*readonly_fields]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return search(queryset, search_term, upload="upload"), False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = without_expired(super().get_queryset(request), upload="upload")
        return with_details(rows).select_related("upload", "owner")

    def get_ordering(self, request: HttpRequest) -> list[str | Combinable] | tuple[str | Combinable, ...] | tuple[()]:
        """The default order; within a band of confidence the lowest first, along the index that finds the band."""
        if ConfidenceFilter.parameter_name in request.GET:
            return ["confidence", "-id"]
        return super().get_ordering(request)

    @admin.display(description=_("image"))
    def picture(self, prediction: Prediction) -> SafeString:
        return _thumbnail(prediction.upload, 64)

    @admin.display(description=_("image"))
    def large_picture(self, prediction: Prediction) -> SafeString:
        return _thumbnail(prediction.upload, 320)

    @admin.display(description=_("class"), ordering="predicted_class")
    def class_name(self, prediction: Prediction) -> str:
        name = class_label(prediction.predicted_class)
        return _("no answer (closest: %(name)s)") % {"name": name} if prediction.abstained else name

    @admin.display(description=_("no answer"), ordering="abstained")
    def without_answer(self, prediction: Prediction) -> str:
        """In words: Django's green tick would make an abstention look good."""
        return str(_("yes") if prediction.abstained else _("no"))

    @admin.action(description=_("Export the selected predictions as CSV"), permissions=["view"])
    def as_csv(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> StreamingHttpResponse:
        lines = csv_lines(walk(queryset, order=NEWEST_FIRST), owner_name=username_of)
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="predictions.csv"'
        return response

    @admin.display(description=_("confidence"), ordering="confidence")
    def confidence_percent(self, prediction: Prediction) -> str:
        return percent(prediction.confidence)

    @admin.display(description=_("probabilities"))
    def all_probabilities(self, prediction: Prediction) -> str:
        return ", ".join(f"{class_label(name)} {percent(share)}" for name, share in prediction.ranking)

    @admin.display(description=_("corrected class"))
    def corrected_name(self, prediction: Prediction) -> str:
        return class_label(prediction.corrected_class)

    @admin.display(description=_("owner"), ordering="owner__username")
    def owner_name(self, prediction: Prediction) -> str:
        return prediction.owner.get_username() if prediction.owner else str(_("anonymous"))

    @admin.display(description=_("file name"), ordering="upload__original_name")
    def file_name(self, prediction: Prediction) -> str:
        return prediction.upload.original_name


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ["picture", "original_name", "owner", "format", "width", "height", "size", "created_at"]
    list_display_links = ["original_name"]
    list_filter = ["format", OwnerFilter, "created_at"]
    list_select_related = ["owner"]
    # The fields that `get_search_results` searches.
    search_fields = ["folded_name", "owner__username", "sha256", "id"]
    search_help_text = SEARCH_HELP
    readonly_fields = [
        "picture",
        "original_name",
        "owner",
        "format",
        "content_type",
        "width",
        "height",
        "size",
        "sha256",
        "created_at",
        "id",
    ]
    fields = [*readonly_fields]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return without_expired(super().get_queryset(request), upload="pk")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return search(queryset, search_term, upload="pk"), False

    @admin.display(description=_("image"))
    def picture(self, upload: Upload) -> SafeString:
        return _thumbnail(upload, 96)

    def has_delete_permission(self, request: HttpRequest, obj: Upload | None = None) -> bool:
        """Deleting an upload takes its predictions and its files with it."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: Upload) -> None:
        delete_uploads(Upload.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        delete_uploads(Upload.objects.filter(pk__in=queryset.values("pk")))

    def get_deleted_objects(self, objs, request: HttpRequest):
        """Predictions are deleted with their upload and need no permission."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed - {Prediction._meta.verbose_name}, protected


def _thumbnail(upload: Upload, side: int) -> SafeString:
    """The image scaled down to fit a square with sides of this many pixels."""
    return format_html(
        '<a href="{}"><img src="{}" alt="{}" width="{}" height="{}" loading="lazy"></a>',
        reverse("image", args=[upload.pk]),
        reverse("thumbnail", args=[upload.pk]),
        upload.original_name or _("image"),
        *upload.size_within(side, side),
    )
