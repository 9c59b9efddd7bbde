"""Forms that submit an image."""

from functools import cached_property
from typing import cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from classifier.forms.choices import OwnVersionField
from classifier.models import Retention
from classifier.services.jobs.failures import ArchiveTooLarge, TooManyFiles, explain_failure
from classifier.services.people.ownership import Owner
from classifier.services.predictions.example_images import EXAMPLES, example_file
from classifier.services.predictions.intake import FileTooLarge, explain_image_error, status_of
from ml.images import formats
from ml.images.errors import ImageError


class ImageField(forms.FileField):
    """An uploaded file; whether it is an image is found out where it is classified."""

    default_error_messages = {
        "required": _("No file was chosen. Choose an image and press Classify."),
        "invalid": _("No file was received. Choose an image and press Classify."),
        "missing": _("No file was chosen. Choose an image and press Classify."),
    }

    def __init__(self, **options) -> None:
        super().__init__(allow_empty_file=True, **options)


#: How many files a script sends one by one, each with a row of its own.
MOST_AT_ONCE = 300


class _SubmissionForm(forms.Form):
    """Something to classify; the same content under the same number is one submission, however often it arrives."""

    submission = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)
    keep = forms.TypedChoiceField(
        label=_("Keep the photo and its result"),
        required=False,
        coerce=Retention,
        empty_value=Retention.UNTIL_DELETED,
        # Called for each request, in its language.
        choices=lambda: Retention.choices,
    )

    def __init__(self, *args, is_anonymous: bool, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if is_anonymous:
            # The choices stay: the page may have been opened before its user signed out.
            cast(forms.ChoiceField, self.fields["keep"]).widget.choices = _anonymous_choices(settings.ANONYMOUS_DAYS)

    @property
    def keep_choices(self) -> list[tuple[str, str]]:
        """The choices, for the hand-written template."""
        return list(cast(forms.ChoiceField, self.fields["keep"]).widget.choices)

    @property
    def keep_chosen(self) -> str:
        return str(self["keep"].value() or Retention.UNTIL_DELETED)

    def refuse(self, error: ImageError) -> None:
        """Make an error of what was found out about the file after the form was valid."""
        self.add_error(
            "image" if "image" in self.fields else None, ValidationError(explain_image_error(error), code=error.code)
        )

    @property
    def status(self) -> int:
        """The HTTP status for this form's errors."""
        codes = [error.code or "" for errors in self.errors.as_data().values() for error in errors]
        return max(map(status_of, codes), default=200)


def _anonymous_choices(most: int) -> list[tuple[str, str]]:
    """The retention choices without an account: at most `most` days."""
    longest = ngettext("%(days)d day (longer with an account)", "%(days)d days (longer with an account)", most)
    shorter = [(one.value, one.label) for one in Retention if one.days is not None and one.days < most]
    return [(Retention.UNTIL_DELETED.value, longest % {"days": most}), *shorter]


class UploadForm(_SubmissionForm):
    """One image to classify, as the file `cleaned_data["image"]`; with the version `cleaned_data["classifier"]` of a
    classifier of the person's own, or None.
    """

    classifier = OwnVersionField()
    image = ImageField(
        label=_("Choose a photo or drop it here"),
    )

    def __init__(self, *args, owner: Owner | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if owner is not None:
            cast(OwnVersionField, self.fields["classifier"]).offer(owner)
        self.fields["image"].help_text = format_lazy(
            _("{types}: up to {megabytes} MB and {megapixels} megapixels."),
            types=formats.NAMES,
            megabytes=settings.MAX_UPLOAD_MEGABYTES,
            megapixels=settings.MAX_IMAGE_MEGAPIXELS,
        )

    @cached_property
    def classifier_choices(self) -> list[tuple[str, str, bool]]:
        """Value, label and whether it is chosen, for the hand-written template; empty without a trained classifier."""
        chosen = str(self["classifier"].value() or "")
        versions = cast(OwnVersionField, self.fields["classifier"]).queryset or ()
        own = [(str(version.classifier_id), str(version)) for version in versions]
        choices = [("", str(_("The site’s model"))), *own] if own else []
        return [(value, label, value == chosen) for value, label in choices]

    @property
    def accept(self) -> str:
        return formats.ACCEPT

    @property
    def max_megabytes(self) -> int:
        return settings.MAX_UPLOAD_MEGABYTES

    @property
    def most_at_once(self) -> int:
        """More files than this become a job."""
        return MOST_AT_ONCE

    @property
    def most_files(self) -> int:
        return settings.MAX_ARCHIVE_FILES

    @property
    def most_megabytes(self) -> int:
        return settings.MAX_ARCHIVE_MEGABYTES

    @property
    def too_many_files(self) -> str:
        return explain_failure(TooManyFiles.code, {"limit": self.most_files})

    @property
    def too_large_together(self) -> str:
        return explain_failure(ArchiveTooLarge.code, {"limit": self.most_megabytes})

    @property
    def too_large(self) -> str:
        """Messages with which a script refuses a file before sending it; it inserts the limit."""
        return explain_image_error(FileTooLarge(limit="{limit}"))


class ExampleForm(_SubmissionForm):
    """One of the example images to classify, as the file `cleaned_data["image"]`."""

    example = forms.ChoiceField(
        choices=list(EXAMPLES.items()),
        error_messages={"invalid_choice": _("This example does not exist. Choose one of the examples shown.")},
    )

    def clean(self) -> dict:
        if "example" in self.cleaned_data:
            self.cleaned_data["image"] = example_file(self.cleaned_data["example"])
        return self.cleaned_data
