"""API tokens: create, list and revoke; only their hashes are stored."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import ApiToken

#: The lifetimes of a token in days.
PERIODS = (30, 90, 365)


class BadName(ValueError):
    """The name of a token is empty, too long or not printable."""


class NoSuchToken(ValueError):
    """There is no active token with this ID."""


def valid_name(name: str) -> str:
    """Return the cleaned name of a token. Raises BadName."""
    name = name.strip()
    if not 1 <= len(name) <= 63 or not name.isprintable():
        raise BadName("A token name has 1 to 63 printable characters.")
    return name


def create_token(*, user: User, name: str, scope: str, days: int) -> tuple[ApiToken, str]:
    """Create a token and return its row and its secret, which is not stored.

    scope: a value of ApiToken.Scope. What has expired of this person's tokens is deleted. Raises BadName.
    """
    name = valid_name(name)
    ApiToken.objects.filter(user=user, expiry__lte=timezone.now()).delete()
    return ApiToken.objects.create(user=user, name=name, scope=scope, expiry=timedelta(days=days))


def active_tokens() -> QuerySet[ApiToken]:
    """The tokens that have not expired, with their users, the newest first."""
    return ApiToken.objects.filter(expiry__gt=timezone.now()).select_related("user").order_by("-created")


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """A person's tokens that have not expired, the newest first."""
    return active_tokens().filter(user=user)


def revoke_token(*, number: UUID, user: User | None = None) -> ApiToken:
    """Revoke a token and return its former row. Raises NoSuchToken.

    number: its `public_id`. user: whose it has to be; None for anybody's.
    """
    token = (active_tokens() if user is None else tokens_of(user)).filter(public_id=number).first()
    if token is None:
        raise NoSuchToken(f"There is no token {number}.")
    ApiToken.objects.filter(pk=token.pk).delete()
    return token
