"""Forms of groups: the teacher's, and those with which pupils join and sign in."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from classifier.models import Pupil, PupilGroup
from classifier.models.group import LONGEST_NICKNAME
from classifier.services.groups.names import BadNickname, valid_nickname
from classifier.services.groups.teaching import OPEN_HOURS

_MOST_TEXT = 10_000
BAD_NICKNAME = _("Use 1 to 30 letters, digits, spaces and hyphens.")
_HOURS = ngettext_lazy("%(count)d hour", "%(count)d hours", "count")


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", **attrs})


class GroupForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, widget=_text())


class PupilsForm(forms.Form):
    """cleaned_data["nicknames"]: a list."""

    nicknames = forms.CharField(
        label=_("Nicknames, one per line"),
        max_length=_MOST_TEXT,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 4}),
        help_text=_("First names or nicknames are enough. You do not need full names or e-mail addresses."),
    )

    def clean_nicknames(self) -> list[str]:
        lines = [line for line in self.cleaned_data["nicknames"].splitlines() if line.strip()]
        if bad := [line[: 2 * LONGEST_NICKNAME] for line in lines if not _is_nickname(line)]:
            raise ValidationError([f"{', '.join(bad[:10])}: {BAD_NICKNAME}"])
        return lines


class GroupActionForm(forms.Form):
    """What the teacher does with a group. pupils: those that were selected."""

    ACTIONS = ("open", "close", "replace_code", "rename", "cards")

    action = forms.ChoiceField(choices=[(name, name) for name in ACTIONS])
    hours = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=OPEN_HOURS[1],  # type: ignore[arg-type]
        choices=lambda: [(hours, _HOURS % {"count": hours}) for hours in OPEN_HOURS],
    )
    name = forms.CharField(max_length=100, required=False)
    pupils = forms.ModelMultipleChoiceField(Pupil.objects.none(), required=False)

    def __init__(self, *args, group: PupilGroup, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pupils"].queryset = group.pupils.all()  # type: ignore[attr-defined]


class NicknameForm(forms.Form):
    nickname = forms.CharField(label=_("Nickname"), max_length=2 * LONGEST_NICKNAME, widget=_text())

    def clean_nickname(self) -> str:
        try:
            return valid_nickname(self.cleaned_data["nickname"])
        except BadNickname as error:
            raise ValidationError(BAD_NICKNAME) from error


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code of your group"),
        max_length=40,
        help_text=_("Your teacher has it. Capital letters, spaces and hyphens do not matter."),
        widget=_text(autocapitalize="characters", spellcheck="false"),
    )


class JoinForm(NicknameForm):
    field_order = ("nickname",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["nickname"].help_text = _("How your teacher knows you. Do not use your full name.")


class PinForm(forms.Form):
    """Signs a pupil in. Longer values are not counted as wrong ones."""

    nickname = forms.CharField(label=_("Nickname"), max_length=2 * LONGEST_NICKNAME, widget=_text())
    pin = forms.CharField(label=_("PIN"), max_length=20, widget=_text(inputmode="numeric"))


class ConfirmForm(forms.Form):
    confirmed = forms.BooleanField(label=_("I have downloaded what should be kept."))


def full_group() -> str:
    """The reason why nobody more can join, in the current language."""
    most = settings.GROUP_MOST_PUPILS
    text = ngettext_lazy("A group has at most %(count)d pupil.", "A group has at most %(count)d pupils.", "count")
    return text % {"count": most}


def _is_nickname(line: str) -> bool:
    try:
        valid_nickname(line)
    except BadNickname:
        return False
    return True
