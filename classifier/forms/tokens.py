"""The form that creates an API token."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Submit
from django import forms
from django.utils.translation import gettext_lazy as _

from classifier.forms.choices import in_days
from classifier.models import ApiToken
from classifier.services.people.tokens import PERIODS, BadName, valid_name


class TokenForm(forms.Form):
    """`cleaned_data` holds what `create_token` takes."""

    name = forms.CharField(
        label=_("Name"), max_length=63, help_text=_("For your reference: for example, the program’s name.")
    )
    scope = forms.ChoiceField(label=_("Access"), choices=ApiToken.Scope.choices)
    days = forms.TypedChoiceField(
        label=_("Expires in"),
        coerce=int,
        initial=PERIODS[1],
        choices=lambda: in_days(PERIODS),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_action = "tokens"
        self.helper.add_input(Submit("submit", _("Create token")))

    def clean_name(self) -> str:
        try:
            return valid_name(self.cleaned_data["name"])
        except BadName as error:
            raise forms.ValidationError(_("Use 1 to 63 printable characters.")) from error
