"""Forms: they validate and convert, and neither classify nor save."""

from uuid import UUID, uuid4

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Column, Field, Layout, Row, Submit
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UserCreationForm
from django.core.exceptions import ValidationError
from django.core.files import File
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from classifier.class_labels import class_label
from classifier.models import ModelVersion
from classifier.services.examples import EXAMPLES, read_example
from classifier.services.intake import FileTooLarge, SubmittedImage, explain, read_image, status_of
from classifier.services.retention import PERIODS
from classifier.services.search import Search
from ml import preprocessing
from ml.classes import NONE_CLASS
from ml.preprocessing import ImageError

ACCEPTED = ",".join([*(content_type for content_type, _extension in preprocessing.FORMATS.values()), ".heic", ".heif"])


class ImageField(forms.FileField):
    """An uploaded image; its clean value is a SubmittedImage."""

    default_error_messages = {
        "required": _("No file was chosen. Choose an image and press Classify."),
        "invalid": _("No file arrived. Choose an image and press Classify."),
        "missing": _("No file was chosen. Choose an image and press Classify."),
    }

    def __init__(self, **options) -> None:
        super().__init__(allow_empty_file=True, **options)

    def to_python(self, data: File | None) -> SubmittedImage | None:
        if data in self.empty_values:
            return None
        try:
            return read_image(data)
        except ImageError as error:
            raise ValidationError(explain(error), code=error.code) from error


#: In the place of a number of days.
NOT_KEPT = 0


class _SubmissionForm(forms.Form):
    """Something to classify; the same content under the same number is one submission, however often it arrives."""

    submission = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    keep = forms.TypedChoiceField(
        label=_("Keep the image and its result"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("until I delete them")),
            *((days, ngettext_lazy("%(days)d day", "%(days)d days", "days") % {"days": days}) for days in PERIODS),
            (NOT_KEPT, _("not at all: show the result and forget it")),
        ],
    )

    @property
    def status(self) -> int:
        """The HTTP status for this form's errors."""
        codes = [error.code for errors in self.errors.as_data().values() for error in errors]
        return max(map(status_of, codes), default=200)


class UploadForm(_SubmissionForm):
    """One image to classify; `cleaned_data["image"]` is a SubmittedImage."""

    image = ImageField(
        label=_("Choose a photograph, or drop it here"),
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED, "data-upload-input": ""}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        limit = settings.MAX_UPLOAD_MEGABYTES
        self.fields["image"].help_text = format_lazy(
            _("JPEG, PNG, WebP, GIF, BMP or HEIC, up to {megabytes} MB and {megapixels} megapixels."),
            megabytes=limit,
            megapixels=settings.MAX_IMAGE_MEGAPIXELS,
        )
        self.helper = FormHelper()
        self.helper.form_id = "upload-form"
        self.helper.form_action = "home"
        self.helper.attrs = {
            "enctype": "multipart/form-data",
            "data-upload": "",
            # A script refuses what the server would, in the same words.
            "data-max-megabytes": limit,
            "data-too-large": explain(FileTooLarge(limit="{limit}")),
        }
        self.helper.layout = Layout(
            "submission",
            Field("image"),
            HTML("{% include 'classifier/_upload_ways.html' %}"),
            "keep",
            Submit("classify", _("Classify"), css_class="btn-lg w-100"),
        )


class ExampleForm(_SubmissionForm):
    """One of the site's own pictures to classify; `cleaned_data["image"]` is a SubmittedImage."""

    example = forms.ChoiceField(
        choices=list(EXAMPLES.items()),
        error_messages={"invalid_choice": _("There is no such example. Choose one of those shown.")},
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, auto_id=False, **kwargs)

    def clean(self) -> dict:
        if "example" in self.cleaned_data:
            self.cleaned_data["image"] = read_example(self.cleaned_data["example"])
        return self.cleaned_data


class SearchForm(forms.Form):
    """Which predictions the history shows: read from the address, so a list can be kept as a bookmark or sent."""

    name = forms.CharField(label=_("File name"), max_length=255, widget=forms.TextInput(attrs={"type": "search"}))
    answer = forms.ChoiceField(label=_("Class"))
    state = forms.ChoiceField(
        label=_("State"),
        choices=[
            ("", _("Any")),
            ("answered", _("Answered")),
            ("abstained", _("Abstained")),
            ("unchecked", _("Not checked")),
            ("corrected", _("Checked")),
            ("right", _("Checked: right")),
            ("wrong", _("Checked: wrong")),
        ],
    )
    lowest = forms.IntegerField(label=_("Confidence ≥, %"), min_value=0, max_value=100)
    highest = forms.IntegerField(label=_("Confidence ≤, %"), min_value=0, max_value=100)
    model = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-number").defer("card"), label=_("Model"), empty_label=_("Any")
    )
    since = forms.DateField(label=_("From day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    until = forms.DateField(label=_("To day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    order = forms.ChoiceField(
        label=_("Sort by"),
        choices=[
            ("newest", _("Newest first")),
            ("oldest", _("Oldest first")),
            ("surest", _("Most sure first")),
            ("least_sure", _("Least sure first")),
        ],
    )

    def __init__(self, data) -> None:
        super().__init__(data)
        for field in self.fields.values():
            field.required = False
        classes = {name for names in ModelVersion.objects.values_list("card__class_names", flat=True) for name in names}
        labels = sorted((str(class_label(name)), name) for name in classes - {NONE_CLASS})
        self.fields["answer"].choices = [
            ("", _("Any")),
            *((name, label) for label, name in labels),
            (NONE_CLASS, class_label(NONE_CLASS)),
        ]
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(
            Row(
                Column("name"), Column("answer"), Column("state"), Column("model"), css_class="row-cols-1 row-cols-sm-2"
            ),
            Row(Column("since"), Column("until"), css_class="row-cols-2"),
            Row(Column("lowest"), Column("highest"), css_class="row-cols-2"),
            Row(Column("order"), css_class="row-cols-1 row-cols-sm-2"),
        )

    def search(self) -> Search:
        """What is asked for; a value that makes no sense has its error beside it and asks for nothing."""
        self.is_valid()
        given = self.cleaned_data
        return Search(
            class_name=given.get("answer", ""),
            state=given.get("state", ""),
            lowest=_share(given.get("lowest")),
            highest=_share(given.get("highest")),
            model=given.get("model"),
            since=given.get("since"),
            until=given.get("until"),
            file_name=given.get("name", ""),
            order=given.get("order") or "newest",
        )

    @property
    def asked(self) -> bool:
        """Whether the list is anything but all of it."""
        return any(name != "order" and self.cleaned_data.get(name) not in (None, "") for name in self.fields)


class SelectionForm(forms.Form):
    """Predictions ticked in the history, and what is to be done with them."""

    predictions = forms.TypedMultipleChoiceField(coerce=UUID)
    action = forms.ChoiceField(choices=[(name, name) for name in ("download", "ask", "delete")])

    def __init__(self, data) -> None:
        super().__init__(data)
        # Whose they are is not asked here: the view looks for them among the person's own.
        self.fields["predictions"].valid_value = _is_uuid


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _share(percent: int | None) -> float | None:
    return None if percent is None else percent / 100


class _AccountForm:
    """A form of django.contrib.auth in this site's looks, with one button."""

    button = _("Save")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.add_input(Submit("submit", self.button))


class SignInForm(_AccountForm, AuthenticationForm):
    button = _("Sign in")


class DeleteAccountForm(_AccountForm, forms.Form):
    """Asks for the password again: who finds an open browser does not delete an account."""

    button = _("Delete my account")
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.helper.inputs[0].field_classes = "btn btn-danger"

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."), code="wrong_password")
        return password


class SignUpForm(_AccountForm, UserCreationForm):
    button = _("Sign up")


class ChangePasswordForm(_AccountForm, PasswordChangeForm):
    button = _("Change password")
