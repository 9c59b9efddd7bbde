"""The admin's form for new invitations."""

from django import forms
from django.utils.translation import gettext_lazy as _

from classifier.models import Invitation


class InvitationsForm(forms.Form):
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=200, initial=1)
    days = forms.IntegerField(label=_("Valid for, days"), min_value=1, max_value=90, initial=7)
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=Invitation._meta.get_field("note").max_length,
        help_text=_("Who the invitations are for. Only staff can see this note."),
    )
