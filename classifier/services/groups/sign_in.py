"""Pupils sign in: with the nickname and PIN in their group, or by a link of their own."""

import hashlib
from datetime import timedelta

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from classifier.models import Pupil, PupilGroup
from classifier.services.groups.limits import forget_failures, take_attempt
from classifier.services.groups.names import fold_nickname, read_pin

#: The name of the backend below in the settings and in sessions.
PIN_BACKEND = f"{__name__}.PinBackend"
#: Some browsers restore sessions that end with the browser.
_LONGEST_SESSION = timedelta(hours=12)


class PinBackend(BaseBackend):
    """Takes a group, a nickname and a PIN; see groups/limits.py for how many wrong ones.

    A wrong nickname takes as long as a wrong PIN, and gives the same answer.
    """

    def authenticate(self, request: HttpRequest | None, *, group: PupilGroup, nickname: str, pin: str) -> User | None:  # type: ignore[override]
        name = fold_nickname(nickname)
        if not take_attempt(group=group, folded_nickname=name):
            return None
        pupil = group.pupils.select_related("user").filter(folded_nickname=name).first()
        if pupil is None:
            make_password(read_pin(pin))
            return None
        if not check_password(read_pin(pin), pupil.pin) or not pupil.user.is_active:
            return None
        forget_failures(pupil=pupil)
        return pupil.user

    def get_user(self, user_id: int) -> User | None:
        """The user of a session, with the pupil; None once the session is older than a school day."""
        oldest = timezone.now() - _LONGEST_SESSION
        found = User.objects.select_related("pupil__group").filter(pk=user_id, is_active=True, last_login__gt=oldest)
        return found.filter(pupil__isnull=False).first()


def pupil_of_link(token: str) -> Pupil | None:
    """The pupil to whom the link with this token belongs."""
    found = Pupil.objects.select_related("user", "group").filter(link_digest=digest_of(token), user__is_active=True)
    return found.first()


def digest_of(token: str) -> str:
    """The hash of a link's token, which is random and needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
