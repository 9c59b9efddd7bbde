"""Choices that several forms have, with labels in the language of the request."""

from collections.abc import Iterable
from typing import cast

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from classifier.models import ModelVersion
from classifier.services.classifiers.answering import usable_versions
from classifier.services.people.ownership import Owner


def in_days(periods: Iterable[int]) -> list[tuple[int, str]]:
    """Return choices of days with labels in the current language."""
    return [(days, ngettext("%(days)d day", "%(days)d days", days) % {"days": days}) for days in periods]


class OwnVersionField(forms.ModelChoiceField):
    """A classifier of the person's own by its version in use; the site's model by default."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Model"),
            required=False,
            queryset=ModelVersion.every.none(),
            to_field_name="classifier",
            empty_label=_("The site’s model"),
            widget=forms.Select(attrs={"class": "form-select"}),
            error_messages={
                "invalid_choice": _("This classifier does not exist or is not trained. Choose another model.")
            },
        )

    def offer(self, owner: Owner) -> None:
        self.queryset = usable_versions(owner)

    def label_from_instance(self, version: ModelVersion) -> str:
        return str(version)


def offer_own_versions(form: forms.Form, owner: Owner) -> None:
    """Offer the person's classifiers in the form's field `classifier`, which is hidden without any."""
    field = cast(OwnVersionField, form.fields["classifier"])
    field.offer(owner)
    if field.queryset is None or not field.queryset.exists():
        # Not deleted: a classifier that was chosen and is gone must be refused, not ignored.
        field.widget = forms.HiddenInput()
