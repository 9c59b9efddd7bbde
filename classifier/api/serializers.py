"""Serializers of requests: they validate and convert, and neither classify nor save."""

from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from classifier.api.fields import (
    ClassField,
    CursorField,
    FilesField,
    ImageField,
    KeepField,
    KnownNamesSerializer,
    LabelField,
    ModelField,
    OwnVersionField,
    one_model,
)
from classifier.models import Retention
from classifier.services.history.pagination import NEWEST_FIRST
from classifier.services.history.search import ORDERS, STATES, Search
from classifier.services.predictions.batch import MOST_IMAGES
from classifier.services.predictions.submission import SubmissionOptions
from ml.images import formats

MOST_PREDICTIONS = 100
KEY_HEADER = "Idempotency-Key"
#: The settings give the enum of these its name in clients made of the description.
KEEP_CHOICES = [(one.days, one.value) for one in Retention if one != Retention.UNTIL_DELETED]


class SubmissionOptionsSerializer(KnownNamesSerializer):
    """How to classify and store what is sent."""

    model = ModelField(
        required=False,
        help_text=gettext_lazy("The model to use: a name, or name@2 for a version. Default: the active model."),
    )
    classifier = OwnVersionField(
        required=False,
        help_text=gettext_lazy("The id of one of your own classifiers, to use instead of a model."),
    )
    keep = KeepField(
        choices=KEEP_CHOICES,
        required=False,
        help_text=gettext_lazy(
            "How many days to keep the image and the result; 0 stores nothing. Default: until you delete them."
        ),
    )

    def validate(self, attrs: dict) -> dict:
        one_model(attrs)
        return attrs

    @property
    def options(self) -> SubmissionOptions:
        sent = self.validated_data
        version = sent.get("model") or sent.get("classifier")
        return SubmissionOptions(keep=sent.get("keep", Retention.UNTIL_DELETED), version=version)


class CreateSerializer(SubmissionOptionsSerializer):
    """One image to classify."""

    image = ImageField(
        help_text=format_lazy(gettext_lazy("A file of one of these types: {types}."), types=formats.NAMES)
    )


class BatchSerializer(SubmissionOptionsSerializer):
    """Several images to classify, as files of the same field."""

    images = FilesField(
        min_length=1,
        max_length=MOST_IMAGES,
        help_text=gettext_lazy("The files, each as a separate part named “images”."),
    )


class CorrectionSerializer(serializers.Serializer):
    """A correction: the true class of an image."""

    label = LabelField(  # type: ignore[assignment]
        help_text=gettext_lazy("A class of the model that made the prediction, or “none”.")
    )


class SearchSerializer(KnownNamesSerializer):
    """The filters of a search; missing ones do not filter."""

    name = serializers.CharField(
        required=False, max_length=255, help_text=gettext_lazy("Part of the file name; case-insensitive.")
    )
    answer = ClassField(
        required=False,
        help_text=gettext_lazy("The predicted class; “none” finds abstentions."),
    )
    state = serializers.ChoiceField(
        choices=[*STATES],
        required=False,
        help_text=gettext_lazy("Whether the model answered, and whether you have reviewed it."),
    )
    lowest = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text=gettext_lazy("Minimum confidence, from 0 to 1.")
    )
    highest = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text=gettext_lazy("Maximum confidence, from 0 to 1.")
    )
    model = ModelField(required=False, help_text=gettext_lazy("The model that made the prediction: a name, or name@2."))
    classifier = serializers.UUIDField(
        required=False, help_text=gettext_lazy("The id of one of your own classifiers, whose versions made them.")
    )
    since = serializers.DateField(
        required=False, help_text=gettext_lazy("The first day to include, in the site’s time zone.")
    )
    until = serializers.DateField(required=False, help_text=gettext_lazy("The last day to include."))
    order = serializers.ChoiceField(choices=[*ORDERS], required=False, help_text=gettext_lazy("Sort order."))

    @property
    def search(self) -> Search:
        given = self.validated_data
        return Search(
            class_name=given.get("answer", ""),
            state=given.get("state", ""),
            lowest=given.get("lowest"),
            highest=given.get("highest"),
            model=given.get("model"),
            classifier=given.get("classifier"),
            since=given.get("since"),
            until=given.get("until"),
            file_name=given.get("name", ""),
            order=given.get("order", "newest"),
        )


class PagedSerializer(KnownNamesSerializer):
    """Which page of a list is wanted."""

    after = CursorField(
        required=False,
        help_text=gettext_lazy("Cursor of the page, as given in “next”."),
    )
    before = CursorField(
        required=False,
        help_text=gettext_lazy("Cursor of the page, as given in “previous”."),
    )
    size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_PREDICTIONS,
        help_text=gettext_lazy("The number of results per page."),
    )

    @property
    def page(self) -> dict[str, Any]:
        """The arguments of `page_of` but for the rows."""
        given = self.validated_data
        return {
            "size": given.get("size", settings.HISTORY_PAGE_SIZE),
            "order": NEWEST_FIRST,
            "after": given.get("after", ""),
            "before": given.get("before", ""),
        }


class ListQuery(PagedSerializer, SearchSerializer):
    """Predictions that match the filters, in pages."""

    @property
    def page(self) -> dict[str, Any]:
        return super().page | {"order": self.search.row_order}


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key of a request, or None."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable() or " " in key:
        raise ValidationError({KEY_HEADER: _("Use 1 to 200 printable ASCII characters without spaces.")})
    return key
