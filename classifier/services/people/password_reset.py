"""Links to reset a forgotten password: by e-mail, or from an administrator."""

import hashlib
import threading
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import get_language, override

from classifier.services.people.throttling import Throttle, take


def sends_mail() -> bool:
    """Whether the site can send e-mail; without it an administrator creates the links."""
    return bool(settings.EMAIL_HOST)


def reset_path(user: User) -> str:
    """The path of the page that sets a new password for the user; it works once, for a day."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("password_reset_confirm", args=[uid, default_token_generator.make_token(user)])


def change_email(*, user: User, email: str) -> None:
    """Store the address that links are sent to; links that were sent before stop working."""
    user.email = email
    user.save(update_fields=["email"])


def may_mail(email: str) -> bool:
    """Whether one more e-mail may be sent to this address; counts it."""
    key = hashlib.sha256(email.casefold().encode()).hexdigest()
    return take(throttle=Throttle.RESET_MAIL, owner=None, address=key) is None


def send_in_background(send: Callable[[], None]) -> threading.Thread:
    """Call `send` in a thread, in the current language.

    The response takes as long without an account as with one, and tells nobody which it is.
    """
    language = get_language()

    def run() -> None:
        with override(language):
            send()

    thread = threading.Thread(target=run, name="mail")
    thread.start()
    return thread
