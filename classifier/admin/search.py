"""Searching a million rows: each kind of words goes to the index that finds it."""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from classifier.models import Upload

#: A beginning that more rows have finds so many of them.
_MOST = 1_000
_LAST_CHARACTER = "\U0010ffff"


def uploads_like(words: str) -> QuerySet[Upload]:
    """The uploads whose file's name, owner's name or SHA-256 begins with these words, or whose number they are."""
    found = Q(pk__in=_beginning("folded_name", words.casefold())) | Q(pk__in=_beginning("sha256", words.lower()))
    found |= Q(pk__in=_of_owners(words))
    if (number := as_uuid(words)) is not None:
        found |= Q(pk=number)
    return Upload.objects.filter(found)


def as_uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None


def _beginning(field: str, words: str) -> list[UUID]:
    """A range, which every database reads along the index; LIKE is case-blind in some, and reads the whole table."""
    rows = Upload.objects.order_by().filter(**{f"{field}__gte": words, f"{field}__lt": words + _LAST_CHARACTER})
    return list(rows.values_list("pk", flat=True)[:_MOST])


def _of_owners(words: str) -> list[UUID]:
    owners = get_user_model().objects.filter(username__istartswith=words).values_list("pk", flat=True)[:_MOST]
    rows = Upload.objects.order_by("-created_at", "-id").filter(owner__in=list(owners))
    return list(rows.values_list("pk", flat=True)[:_MOST])
