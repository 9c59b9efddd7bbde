"""Keyset pagination: every page costs the same, without OFFSET or COUNT."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

#: The number of rows that `walk` reads at a time.
_CHUNK = 500


class BadCursor(ValueError):
    """The cursor in the address is not one that a page gave out."""


@dataclass(frozen=True)
class Order:
    """By one field, which is never null, and among equals by `id`: a datetime or, where `number`, a float."""

    field: str
    descending: bool = True
    number: bool = False

    def apply(self, queryset: QuerySet, *, reverse: bool = False) -> QuerySet:
        sign = "-" if self.descending != reverse else ""
        return queryset.order_by(f"{sign}{self.field}", f"{sign}id")

    def beyond(self, cursor: str, *, reverse: bool = False) -> Q:
        """The rows that come after a cursor, or in `reverse` before it. Raises BadCursor."""
        value, identifier = self._parse(cursor)
        comparison = "lt" if self.descending != reverse else "gt"
        # The first condition is implied by the second; databases use it to enter the index.
        return Q(**{f"{self.field}__{comparison}e": value}) & (
            Q(**{f"{self.field}__{comparison}": value}) | Q(**{self.field: value, f"id__{comparison}": identifier})
        )

    def cursor(self, row: Model) -> str:
        value = getattr(row, self.field)
        return f"{value!r}_{row.pk}" if self.number else f"{value.isoformat()}_{row.pk}"

    def _parse(self, cursor: str) -> tuple[Any, UUID]:
        value_text, _, identifier_text = cursor.partition("_")
        try:
            value = float(value_text) if self.number else _moment(value_text)
            identifier = UUID(identifier_text)
        except (ValueError, OverflowError) as error:
            raise BadCursor(f"{cursor!r} is not a valid cursor.") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise BadCursor(f"{cursor!r} is not a valid cursor.")
        return value, identifier


def _moment(text: str) -> datetime:
    """Parse a datetime with a time zone. Raises ValueError, or OverflowError if UTC cannot represent it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


Row = TypeVar("Row", bound=Model)

NEWEST_FIRST = Order("created_at")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page, and the cursors of its first and last row where there are more rows on that side; else None."""

    items: list[Row]
    before: str | None
    after: str | None


def page_of(
    queryset: QuerySet[Row], *, size: int, order: Order = NEWEST_FIRST, after: str = "", before: str = ""
) -> Page[Row]:
    """Return the page of `size` rows just after, or just before, a cursor; without one, the first.

    The rows need a unique `id`. Raises BadCursor.
    """
    backwards = bool(before) and not after
    if cursor := after or before:
        queryset = queryset.filter(order.beyond(cursor, reverse=backwards))
    rows = list(order.apply(queryset, reverse=backwards)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    has_before = more if backwards else bool(cursor)
    has_after = True if backwards else more
    return Page(rows, order.cursor(rows[0]) if has_before else None, order.cursor(rows[-1]) if has_after else None)


def walk(queryset: QuerySet[Row], *, order: Order = NEWEST_FIRST) -> Iterator[Row]:
    """All rows, read page by page: no transaction stays open, and memory does not grow with their number."""
    after: str | None = ""
    while after is not None:
        page = page_of(queryset, size=_CHUNK, order=order, after=after)
        yield from page.items
        after = page.after
