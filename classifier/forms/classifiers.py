"""Forms of people's own classifiers."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from classifier.forms.choices import OwnVersionField
from classifier.forms.uploads import ImageField
from classifier.models import Classifier, Example, LearntClass
from classifier.services.people.ownership import Owner
from classifier.services.predictions.batch import MOST_IMAGES
from ml.classes import LONGEST_CLASS_NAME

_MOST_TEXT = 10_000


class ImagesArchiveForm(forms.Form):
    """A ZIP archive with a folder of images for each class."""

    archive = forms.FileField(
        label=_("ZIP archive"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".zip,application/zip"}),
        error_messages={
            "invalid": _("No file was received. Choose a ZIP archive."),
            "required": _("No file was chosen. Choose a ZIP archive."),
        },
    )


class ClassifierForm(ImagesArchiveForm):
    """A new classifier. cleaned_data["classes"]: the names of its classes. archive: images that it begins with."""

    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"})
    )
    classes = forms.CharField(
        label=_("Classes, one per line (optional)"),
        required=False,
        max_length=_MOST_TEXT,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
        help_text=_("Folders that you drop on the next page become classes, too."),
    )
    field_order = ("name", "classes", "archive")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["archive"].required = False
        self.fields["archive"].label = _("ZIP archive with a folder for each class (optional)")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError(_("The name has characters that cannot be shown. Type it anew."))
        return name

    def clean_classes(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["classes"].splitlines() if line.strip()]


class _FilesInput(forms.FileInput):
    allow_multiple_selected = True


class _FilesField(ImageField):
    """Several files."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list) else [data] if data else []
        if not files:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if len(files) > MOST_IMAGES:
            raise forms.ValidationError(
                _("More than %(limit)s files were chosen. Choose fewer at a time."), params={"limit": MOST_IMAGES}
            )
        return [super(_FilesField, self).clean(file, initial) for file in files]


class ExamplesForm(forms.Form):
    """Images of a class, or without one."""

    class_name = forms.CharField(required=False, max_length=LONGEST_CLASS_NAME)
    images = _FilesField(
        widget=_FilesInput,
        error_messages={"required": _("No file was chosen. Choose images and press Add.")},
    )


class _ExistingExamples(forms.ModelMultipleChoiceField):
    """Examples by id, without those that somebody else has removed since the page was loaded."""

    def clean(self, value: Any) -> QuerySet[Example]:
        found: QuerySet[Example] = self.queryset  # type: ignore[assignment]
        return found.filter(pk__in=set(filter(None, map(_uuid_of, value or ()))))


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class ClassifierActionForm(forms.Form):
    """What is done with a classifier, its classes or some of its examples.

    cleaned_data["gone"]: how many of the examples no longer exist.
    """

    ACTIONS = ("train", "add_class", "rename_class", "delete_class", "label", "remove", "protect", "release")

    action = forms.ChoiceField(choices=[(name, name) for name in ACTIONS])
    name = forms.CharField(required=False, max_length=LONGEST_CLASS_NAME)
    learnt_class = forms.ModelChoiceField(queryset=LearntClass.objects.none(), required=False)
    examples = _ExistingExamples(queryset=Example.objects.none(), required=False)

    def __init__(self, *args, classifier: Classifier, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for field, rows in {"learnt_class": classifier.classes.all(), "examples": classifier.examples.all()}.items():
            self.fields[field].queryset = rows  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        sent = set(self.data.getlist("examples")) if isinstance(self.data, QueryDict) else set()
        examples = self.cleaned_data.get("examples")
        return self.cleaned_data | {"gone": len(sent) - examples.count() if examples is not None else 0}


class HistoryExampleForm(forms.Form):
    """The class that an image of the history is an example of; one of the person's own."""

    learnt_class = forms.ModelChoiceField(queryset=LearntClass.objects.none())

    def __init__(self, *args, classes: QuerySet[LearntClass], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["learnt_class"].queryset = classes  # type: ignore[attr-defined]


class OtherModelForm(forms.Form):
    """The version `cleaned_data["classifier"]` of one of the person's own classifiers, or None for the site's model."""

    classifier = OwnVersionField()

    def __init__(self, *args, owner: Owner, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        cast(OwnVersionField, self.fields["classifier"]).offer(owner)


class PromotionForm(forms.Form):
    """A version to answer with. reason: why, where the comparison speaks against it."""

    reason = forms.CharField(required=False, max_length=500)


class TrialForm(forms.Form):
    """An image to try a classifier with."""

    image = ImageField(label=_("Photo to try"), widget=forms.FileInput(attrs={"class": "form-control"}))
