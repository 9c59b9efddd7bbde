"""Sign-up policy and invitations: open, by invitation or closed, as settings.SIGN_UP says."""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import Invitation

#: How long unusable invitations are kept.
_FORGET = timedelta(days=90)


class SignUp(StrEnum):
    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class InvitationNotValid(ValueError):
    """The invitation has been used, has expired or never existed."""


def may_sign_up(*, secret: str) -> bool:
    """Whether sign-up is allowed. secret: of the invitation; empty without one."""
    if settings.SIGN_UP == SignUp.INVITE:
        return _valid(secret).exists()
    return settings.SIGN_UP == SignUp.OPEN


def create_invitations(*, count: int, days: int, note: str, by: User) -> list[str]:
    """Create invitations that work for some days; return their secrets, which are not stored."""
    now = timezone.now()
    Invitation.objects.filter(expires_at__lte=now - _FORGET).delete()
    made = [secrets.token_urlsafe(24) for _number in range(count)]
    facts = {"note": note, "created_by": by, "expires_at": now + timedelta(days=days)}
    Invitation.objects.bulk_create(Invitation(digest=_digest(secret), **facts) for secret in made)
    return made


def use_invitation(*, secret: str, user: User) -> None:
    """Use up an invitation, if sign-up needs one; of two concurrent uses one succeeds.

    Call it in the transaction that makes the account. Raises InvitationNotValid.
    """
    if settings.SIGN_UP == SignUp.INVITE and not _valid(secret).update(used_by=user, used_at=timezone.now()):
        raise InvitationNotValid


def _valid(secret: str) -> QuerySet[Invitation]:
    return Invitation.objects.filter(digest=_digest(secret), used_at=None, expires_at__gt=timezone.now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
