"""Forms that submit jobs, and what is done with one."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from classifier.forms.choices import OwnVersionField, offer_own_versions
from classifier.forms.data_sets import data_sets
from classifier.forms.history import SearchForm
from classifier.models import Job, ModelVersion, Retention
from classifier.services.classifiers.answering import usable_versions
from classifier.services.jobs.failures import JobError, explain_failure
from classifier.services.people.ownership import Owner
from ml.images import formats


class _JobForm(forms.Form):
    """A form whose job may be refused when it is submitted."""

    #: The field that such an error belongs to.
    refused_field: str

    def __init__(self, *args, owner: Owner, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def refuse(self, error: JobError) -> None:
        self.add_error(self.refused_field, ValidationError(explain_failure(error.code, error.values), code=error.code))


class _SeveralFiles(forms.FileInput):
    """Files whose names come with their folders; classifier/web/selections.py makes one archive of them."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.get(name)


class ArchiveForm(_JobForm):
    """Many images to classify: a ZIP archive, files or a folder, as the archive `cleaned_data["images"]`."""

    refused_field = "archive"
    archive = forms.FileField(
        label=_("ZIP archive"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".zip,application/zip"}),
        error_messages={
            "invalid": _("No file was received. Choose a ZIP archive."),
            "missing": _("No file was chosen. Choose a ZIP archive."),
        },
    )
    files = forms.FileField(  # type: ignore[assignment]  # a form's own `files` is set by its instances
        label=_("or files"),
        required=False,
        allow_empty_file=True,
        widget=_SeveralFiles(attrs={"class": "form-control", "multiple": True, "accept": formats.ACCEPT}),
    )
    folder = forms.FileField(
        label=_("or a folder"),
        required=False,
        allow_empty_file=True,
        widget=_SeveralFiles(attrs={"class": "form-control", "multiple": True, "webkitdirectory": True}),
    )
    classifier = OwnVersionField()
    keep = forms.TypedChoiceField(
        label=_("Keep the images and their results"),
        required=False,
        coerce=Retention,
        empty_value=Retention.UNTIL_DELETED,
        # Called for each request, in its language. A job has to store its results.
        choices=lambda: [(value, label) for value, label in Retention.choices if value != Retention.NOT_STORED],
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "invalid_choice": _("The images of a job are stored until you have seen their results. Choose how long.")
        },
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        offer_own_versions(self, self.owner)
        self.fields["archive"].help_text = format_lazy(
            _("Up to {megabytes} MB and {files} files. Folders are kept in the names."),
            megabytes=settings.MAX_ARCHIVE_MEGABYTES,
            files=settings.MAX_ARCHIVE_FILES,
        )

    def clean(self) -> dict:
        cleaned = super().clean() or self.cleaned_data
        # Files and a folder that come together are in the same archive.
        selected = cleaned.get("files") or cleaned.get("folder")
        if cleaned.get("archive") and selected:
            self.add_error("archive", ValidationError(_("Choose either an archive or files."), code="both"))
        elif not cleaned.get("archive") and not selected and "archive" not in self.errors:
            text = _("No file was chosen. Choose a ZIP archive, files or a folder.")
            self.add_error("archive", ValidationError(text, code="required"))
        cleaned["images"] = cleaned.get("archive") or selected
        return cleaned


class ExportForm(_JobForm):
    """An export of what a search finds. query: the search, as in the history's address."""

    refused_field = "format"
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[("zip", _("ZIP with the images")), ("csv", _("CSV table"))],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    query = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def clean(self) -> dict:
        cleaned = super().clean() or self.cleaned_data
        cleaned["query"] = cleaned.get("query", "").removeprefix("?")
        cleaned["search"] = SearchForm(QueryDict(cleaned["query"]), owner=self.owner).search()
        return cleaned


class RescoreForm(_JobForm):
    """Another model, or a classifier of one's own, for all of one's images. everybody: for staff, all images of the
    site.
    """

    refused_field = "model"
    model = forms.ModelChoiceField(
        label=_("Model"),
        queryset=ModelVersion.every.none(),
        empty_label=None,
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={"invalid_choice": _("This model does not exist. Choose one of the models shown.")},
    )
    everybody = forms.BooleanField(
        label=_("All images of the site"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args, may_rescore_all: bool, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        own = usable_versions(self.owner).order_by().values("pk")
        versions = ModelVersion.every.filter(Q(classifier=None) | Q(pk__in=own)).select_related("classifier")
        field = cast(forms.ModelChoiceField, self.fields["model"])
        field.queryset = versions.defer("card").order_by(F("classifier").asc(nulls_first=True), "name", "-number")
        if not may_rescore_all:
            del self.fields["everybody"]

    def clean(self) -> dict:
        cleaned = super().clean() or self.cleaned_data
        model = cleaned.get("model")
        if cleaned.get("everybody") and model is not None and model.classifier_id is not None:
            self.add_error("everybody", _("Your own classifier classifies your own images only."))
        return cleaned


class NeighboursForm(_JobForm):
    """A model whose training images are indexed."""

    refused_field = "model"
    model = forms.ModelChoiceField(
        label=_("Model"),
        queryset=ModelVersion.objects.order_by("name", "-number"),
        empty_label=None,
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={"invalid_choice": _("This model does not exist. Choose one of the models shown.")},
    )
    dataset = forms.ChoiceField(
        label=_("Data set"),
        required=False,
        choices=data_sets,
        widget=forms.Select(attrs={"class": "form-select"}),
        help_text=_("The one that the model was trained on."),
    )


class BackupForm(_JobForm):
    """A backup has nothing to be chosen."""

    def refuse(self, error: JobError) -> None:
        self.add_error(None, ValidationError(explain_failure(error.code, error.values), code=error.code))


class ActionForm(forms.Form):
    """What is done with a job."""

    action = forms.ChoiceField(choices=[(name, name) for name in ("cancel", "resume", "retry", "discard")])


FORMS: dict[str, type[_JobForm]] = {
    Job.Kind.CLASSIFY: ArchiveForm,
    Job.Kind.EXPORT: ExportForm,
    Job.Kind.RESCORE: RescoreForm,
    Job.Kind.NEIGHBOURS: NeighboursForm,
    Job.Kind.BACKUP: BackupForm,
}
