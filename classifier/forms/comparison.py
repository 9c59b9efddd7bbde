"""The form that chooses two models to compare."""

from typing import cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from classifier.models import ModelVersion


class ComparisonForm(forms.Form):
    """Two published versions, as `model` twice in the address."""

    model = forms.ModelMultipleChoiceField(
        label=_("Models"),
        queryset=ModelVersion.objects.order_by("-active", "name", "-number"),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": _("Select two models to compare.")},
    )

    def clean_model(self) -> list[ModelVersion]:
        """Return the two versions in the order of the address."""
        asked = cast(QueryDict, self.data).getlist("model")
        found = sorted(self.cleaned_data["model"], key=lambda version: asked.index(str(version.pk)))
        if len(found) != 2:
            raise ValidationError(_("Select two models to compare."))
        return found
