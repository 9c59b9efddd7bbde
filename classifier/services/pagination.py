"""Pages of a list ordered newest first that cost the same however deep they lie: by key, without OFFSET or COUNT."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Model, Q, QuerySet


class BadCursor(ValueError):
    """The cursor in the address is not one that a page gave out."""


@dataclass(frozen=True)
class Page:
    """One page, and the cursors of those beside it; None where there is no more."""

    items: list[Model]
    newer: str | None
    older: str | None


def newest_first(queryset: QuerySet, *, size: int, older: str = "", newer: str = "") -> Page:
    """Return the page of `size` rows just older, or just newer, than a cursor; without one, the newest.

    The rows need `created_at` and a unique `id`. Raises BadCursor.
    """
    backwards = bool(newer) and not older
    if cursor := older or newer:
        queryset = queryset.filter(_beyond(cursor, "gt" if backwards else "lt"))
    direction = "" if backwards else "-"
    rows = list(queryset.order_by(f"{direction}created_at", f"{direction}id")[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    has_newer = more if backwards else bool(cursor)
    has_older = True if backwards else more
    return Page(rows, _cursor(rows[0]) if has_newer else None, _cursor(rows[-1]) if has_older else None)


def _cursor(row: Model) -> str:
    return f"{row.created_at.isoformat()}_{row.pk}"


def _beyond(cursor: str, comparison: str) -> Q:
    try:
        moment_text, _, identifier_text = cursor.partition("_")
        moment, identifier = datetime.fromisoformat(moment_text), UUID(identifier_text)
    except ValueError as error:
        raise BadCursor(f"{cursor!r} is no page's cursor.") from error
    if moment.tzinfo is None:
        raise BadCursor(f"{cursor!r} is no page's cursor.")
    # The first condition is implied by the second; databases use it to enter the index.
    return Q(**{f"created_at__{comparison}e": moment}) & (
        Q(**{f"created_at__{comparison}": moment}) | Q(created_at=moment, **{f"id__{comparison}": identifier})
    )
