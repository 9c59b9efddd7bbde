"""Forms for people who have forgotten their passwords."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from classifier.forms.accounts import AccountForm
from classifier.services.people.password_reset import may_mail, send_in_background

#: More accounts than this have one e-mail address only if somebody wants to fill its mailbox.
_MOST_ACCOUNTS = 3


class ForgottenPasswordForm(AccountForm, PasswordResetForm):
    """Sends a link for each account with this e-mail address, in the background."""

    button = _("Send a link")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")

    def save(self, *args: Any, **options: Any) -> None:
        if may_mail(self.cleaned_data["email"]):
            super().save(*args, **options)

    def get_users(self, email: str) -> Iterator[User]:
        return islice(super().get_users(email), _MOST_ACCOUNTS)

    def send_mail(self, *args, **options) -> None:
        send_in_background(partial(super().send_mail, *args, **options))


class NewPasswordForm(AccountForm, SetPasswordForm):
    button = _("Save the new password")
