"""Forms of accounts: those of django.contrib.auth in this site's looks, and deleting one."""

from datetime import timedelta
from typing import ClassVar, cast
from uuid import UUID

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Submit
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    UserCreationForm,
)
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from classifier.services.people.lockout import is_password_of
from classifier.services.people.ownership import claimable
from classifier.services.people.password_reset import sends_mail

#: Uploads this recent are most likely those of the person who signs in.
_RECENT = timedelta(hours=1)


class AccountForm:
    """A form of django.contrib.auth in this site's looks, with one button."""

    button = _("Save")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.add_input(Submit("submit", self.button))


class _BoundedName(forms.BaseForm):
    """Refuses a name that no account can have before it is counted as a failure: Django bounds the widget alone."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        name = cast(forms.CharField, self.fields["username"])
        name.validators.append(MaxLengthValidator(name.max_length))


class _TakesUploads(forms.Form):
    """Asks whether the browser's uploads become the account's: on a shared computer they may be someone else's.

    The box is ticked only if the newest upload is recent and nobody has signed out since (`is_left`).
    """

    takes_uploads = forms.BooleanField(
        required=False, help_text=_("Leave this off if someone else has used this browser before you.")
    )

    def __init__(self, *args, visitor: UUID | None, is_left: bool, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        count, newest = (0, None) if visitor is None else claimable(visitor=visitor)
        if newest is None:
            del self.fields["takes_uploads"]
            return
        field = self.fields["takes_uploads"]
        field.label = ngettext(
            "Move %(count)d image uploaded in this browser to my account",
            "Move %(count)d images uploaded in this browser to my account",
            count,
        ) % {"count": count}
        field.initial = not is_left and timezone.now() - newest < _RECENT


class SignInForm(_TakesUploads, AccountForm, _BoundedName, AuthenticationForm):
    button = _("Sign in")


class AdminSignInForm(_BoundedName, AdminAuthenticationForm):
    pass


class _PasswordAskedForm(AccountForm, forms.Form):
    """Asks for the password again, which counts as at sign-in: who finds an open browser changes nothing."""

    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.request = user, request

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not is_password_of(user=self.user, password=password, request=self.request):
            raise ValidationError(_("This is not your password."), code="wrong_password")
        return password


class DeleteAccountForm(_PasswordAskedForm):
    button = _("Delete my account")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.helper.inputs[0].field_classes = "btn btn-danger"

    def clean(self) -> dict:
        if self.user.pupil_groups.exists():
            raise ValidationError(_("Delete your groups of pupils first, or ask an administrator to move them."))
        return super().clean() or {}


class ChangeEmailForm(_PasswordAskedForm):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=User._meta.get_field("email").max_length,
        required=False,
        help_text=_("If you forget your password, we send a link to this address. Leave it empty to remove it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("email", "password")


class SignUpForm(_TakesUploads, AccountForm, UserCreationForm):
    button = _("Sign up")

    class Meta(UserCreationForm.Meta):
        fields = ("username", "email")
        labels: ClassVar = {"email": _("E-mail address")}
        help_texts: ClassVar = {"email": _("Optional. If you forget your password, we send a link to this address.")}

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not sends_mail():
            del self.fields["email"]

    def say_taken(self) -> None:
        """Somebody else was faster with the name."""
        name = self._meta.model.USERNAME_FIELD
        self.add_error(name, self._meta.model._meta.get_field(name).error_messages["unique"])


class ChangePasswordForm(AccountForm, PasswordChangeForm):
    button = _("Change password")

    def __init__(self, user, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password = self.cleaned_data["old_password"]
        if not is_password_of(user=self.user, password=password, request=self.request):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password
