"""Choices with numbers in their labels, translated per request: formatting a lazy string would be too early."""

from collections.abc import Iterable

from django.utils.translation import ngettext


def in_days(periods: Iterable[int]) -> list[tuple[int, str]]:
    """So many days each, in words of the language that is in force now."""
    return [(days, ngettext("%(days)d day", "%(days)d days", days) % {"days": days}) for days in periods]
