"""Serializers of requests about jobs."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from classifier.api.fields import ArchiveField, KeepField, KnownNamesSerializer, ModelField, OwnVersionField, one_model
from classifier.api.serializers import KEEP_CHOICES, PagedSerializer, SearchSerializer
from classifier.models import Job, Retention
from classifier.services.jobs.export_job import FORMATS
from classifier.services.jobs.tables import LAYOUTS


class JobOptionsSerializer(KnownNamesSerializer):
    """How to classify and store the files of an archive."""

    model = ModelField(
        required=False,
        help_text=gettext_lazy("The model to use: a name, or name@2 for a version. Default: the active model."),
    )
    classifier = OwnVersionField(
        required=False,
        help_text=gettext_lazy("The id of one of your own classifiers, to use instead of a model."),
    )
    keep = KeepField(
        choices=[choice for choice in KEEP_CHOICES if choice[1] != Retention.NOT_STORED],
        required=False,
        help_text=gettext_lazy("For how many days images and results are kept; without it: until you delete them."),
    )

    def validate(self, attrs: dict) -> dict:
        one_model(attrs)
        return attrs


class SubmitJobSerializer(JobOptionsSerializer):
    """A ZIP archive to classify."""

    archive = ArchiveField(help_text=gettext_lazy("A ZIP archive. Folders are kept in the names."))


class RescoreSerializer(KnownNamesSerializer):
    """The model or the own classifier that classifies your images again."""

    model = ModelField(required=False, help_text=gettext_lazy("A name, for its newest version, or name@2."))
    classifier = OwnVersionField(
        required=False, help_text=gettext_lazy("The id of one of your own classifiers, instead of a model.")
    )

    def validate(self, attrs: dict) -> dict:
        one_model(attrs, required=True)
        return attrs


class ExportSerializer(SearchSerializer):
    """What to export; without filters, all of your predictions."""

    format = serializers.ChoiceField(
        choices=[*FORMATS], help_text=gettext_lazy("“csv” is a table; “zip” has the images too.")
    )


class JobsQuery(PagedSerializer):
    """The filters of the list of jobs."""

    kind = serializers.ChoiceField(
        choices=Job.Kind.values, required=False, help_text=gettext_lazy("Only jobs of this kind.")
    )
    state = serializers.ChoiceField(
        choices=Job.State.values, required=False, help_text=gettext_lazy("Only jobs in this state.")
    )


class LayoutSerializer(KnownNamesSerializer):
    """How the images are arranged."""

    layout = serializers.ChoiceField(
        choices=[*LAYOUTS],
        required=False,
        help_text=gettext_lazy("“classes”, the default: a folder per class. “folders”: as they were uploaded."),
    )
