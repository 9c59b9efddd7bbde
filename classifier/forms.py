"""Forms: they validate and convert, and neither classify nor save."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field, Layout, Submit
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UserCreationForm
from django.core.exceptions import ValidationError
from django.core.files import File
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from classifier.services.intake import SubmittedImage, explain, read_image, status_of
from ml import preprocessing
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


class UploadForm(forms.Form):
    """One image to classify; `cleaned_data["image"]` is a SubmittedImage."""

    image = ImageField(
        label=_("Choose a photograph, or drop it here"),
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED, "data-upload-input": ""}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["image"].help_text = format_lazy(
            _("JPEG, PNG, WebP, GIF, BMP or HEIC, up to {megabytes} MB and {megapixels} megapixels."),
            megabytes=settings.MAX_UPLOAD_MEGABYTES,
            megapixels=settings.MAX_IMAGE_MEGAPIXELS,
        )
        self.helper = FormHelper()
        self.helper.form_id = "upload-form"
        self.helper.form_action = "home"
        self.helper.attrs = {"enctype": "multipart/form-data", "data-upload": ""}
        self.helper.layout = Layout(Field("image"), Submit("classify", _("Classify"), css_class="btn-lg w-100"))

    @property
    def status(self) -> int:
        """The HTTP status for this form's errors."""
        codes = [error.code for errors in self.errors.as_data().values() for error in errors]
        return max(map(status_of, codes), default=200)


class _AccountForm:
    """A form of django.contrib.auth in this site's looks, with one button."""

    button = _("Save")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.add_input(Submit("submit", self.button))


class SignInForm(_AccountForm, AuthenticationForm):
    button = _("Sign in")


class SignUpForm(_AccountForm, UserCreationForm):
    button = _("Sign up")


class ChangePasswordForm(_AccountForm, PasswordChangeForm):
    button = _("Change password")
