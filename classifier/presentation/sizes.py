"""Formatted file sizes, the same on pages, in scripts (upload_row.js) and in commands."""

from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

#: A thousand of one make the next, as disks and browsers count.
_UNITS = (_("%(n)s kB"), _("%(n)s MB"), _("%(n)s GB"), _("%(n)s TB"))

#: From here on it would be rounded to a thousand, or to two digits without a decimal.
_NEXT, _TWO_DIGITS = Decimal("999.5"), Decimal("9.95")


def size_in_words(count: int) -> str:
    """Format a size with at least two digits: 6 bytes, 1.4 kB, 219 kB, 3.1 MB."""
    if count < 1000:
        return ngettext("%(n)d byte", "%(n)d bytes", count) % {"n": count}
    size, unit = Decimal(count) / 1000, 0
    while size >= _NEXT and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    # Halves are rounded up, as scripts do it.
    rounded = size.quantize(Decimal("0.1" if size < _TWO_DIGITS else "1"), ROUND_HALF_UP)
    decimals = 0 if rounded == rounded.to_integral_value() else 1
    return gettext(_UNITS[unit]) % {"n": number_format(rounded, decimals)}
