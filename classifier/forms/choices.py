"""Choices with numbers in their labels, translated per request: formatting a lazy string would be too early."""

from collections.abc import Iterable

from django.utils.translation import ngettext


def in_days(periods: Iterable[int]) -> list[tuple[int, str]]:
    """Return choices of days with labels in the current language."""
    return [(days, ngettext("%(days)d day", "%(days)d days", days) % {"days": days}) for days in periods]
