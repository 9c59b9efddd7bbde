"""Search a million rows: each kind of term uses the index that can find it."""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q, QuerySet

from classifier.models import Upload
from classifier.models.upload import folded
from classifier.services.history.identifiers import as_uuid

#: The number of rows that a search term may match.
_MOST = 400
_LAST_CHARACTER = "\U0010ffff"


def search(rows: QuerySet, words: str, *, upload: str) -> QuerySet:
    """The rows whose upload's file name, owner or SHA-256 begins with the words; those whose own or whose upload's
    number they are. `upload` names the field that leads to the upload.
    """
    words = words.strip()
    if not words:
        return rows
    uploads = _beginning("folded_name", folded(words)) + _beginning("sha256", words.lower()) + _of_owners(words)
    number = as_uuid(words)
    if number is None:
        return rows.filter(**{f"{upload}__in": uploads})
    return rows.filter(Q(**{f"{upload}__in": [*uploads, number]}) | Q(pk=number))


def _beginning(field: str, words: str) -> list[UUID]:
    """Search along the field's index: SQLite's LIKE reads the whole table; PostgreSQL's order depends on collation."""
    wanted = {f"{field}__gte": words, f"{field}__lt": words + _LAST_CHARACTER}
    if connection.vendor == "postgresql":
        wanted = {f"{field}__startswith": words}
    return list(Upload.objects.order_by().filter(**wanted).values_list("pk", flat=True)[:_MOST])


def _of_owners(words: str) -> list[UUID]:
    owners = get_user_model().objects.filter(username__istartswith=words).values_list("pk", flat=True)[:_MOST]
    rows = Upload.objects.order_by("-created_at", "-id").filter(owner__in=list(owners))
    return list(rows.values_list("pk", flat=True)[:_MOST])
