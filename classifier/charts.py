"""Small line charts as SVG inside a page: no script, no library, colours from the page."""

from collections.abc import Sequence
from datetime import date

from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from classifier.model_figures import number, percent
from classifier.model_figures import whole as whole_number

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 200, 44, 24, 22


def training_curves(epochs: Sequence[dict[str, float]]) -> SafeString:
    """Accuracy and loss by epoch, from dictionaries with the fields of `ml.training.EpochRecord`."""
    if not epochs:
        return format_html("<p>{}</p>", _("No epoch has ended yet."))
    return _chart(_("Accuracy"), epochs, "accuracy", "validation_accuracy") + _chart(
        _("Loss"), epochs, "loss", "validation_loss"
    )


def _chart(title: str, epochs: Sequence[dict[str, float]], training: str, validation: str) -> SafeString:
    series = {name: [epoch[name] for epoch in epochs] for name in (training, validation)}
    everything = [value for values in series.values() for value in values]
    low, high = min(everything), max(everything)
    span = (high - low) or 1.0
    step = (_WIDTH - _LEFT - 8) / max(len(epochs) - 1, 1)

    def in_words(value: float) -> str:
        return percent(value, 1) if training == "accuracy" else number(value, 3)

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / span

    lines = format_html_join(
        "",
        '<polyline fill="none" stroke="{}" stroke-width="1.8" points="{}"/>',
        (
            (colour, " ".join(f"{_LEFT + step * index:.1f},{y(value):.1f}" for index, value in enumerate(values)))
            for colour, values in zip(("#4477aa", "#ee6677"), series.values())
        ),
    )
    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text><path d="M{} {}H{}" stroke="currentColor" opacity=".2"/>',
        (
            (_LEFT - 6, f"{y(value) + 4:.1f}", in_words(value), _LEFT, f"{y(value):.1f}", _WIDTH - 8)
            for value in (low, (low + high) / 2, high)
        ),
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}" font-size="11" fill="currentColor">'
        '<text x="{}" y="13" font-weight="600">{}</text>{}{}'
        '<text x="{}" y="13" text-anchor="end" fill="#4477aa">{}</text>'
        '<text x="{}" y="13" text-anchor="end" fill="#ee6677">{}</text>'
        '<text x="{}" y="{}">1</text><text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        title,
        _LEFT,
        title,
        ticks,
        lines,
        _WIDTH - 90,
        _("training"),
        _WIDTH - 8,
        _("validation"),
        _LEFT,
        _HEIGHT - 8,
        _WIDTH - 8,
        _HEIGHT - 8,
        len(epochs),
    )


def bars(title: str, days: Sequence[tuple[date, float | None]], *, whole: bool = False) -> SafeString:
    """A bar a day, of numbers from 0 on or, by default, of shares of one; None for a day without any.

    `whole` says that they are whole numbers.
    """
    highest = max((value for _day, value in days if value is not None), default=0) or 1
    step = (_WIDTH - _LEFT - 8) / max(len(days), 1)
    room = _HEIGHT - _TOP - _BOTTOM

    def in_words(value: float) -> str:
        return whole_number(value) if whole else percent(value, 1)

    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" fill="#4477aa"><title>{}: {}</title></rect>',
        (
            (
                f"{_LEFT + index * step:.1f}",
                f"{_TOP + room * (1 - value / highest):.1f}",
                f"{step * 0.8:.1f}",
                f"{room * value / highest:.1f}",
                formats.date_format(day, "SHORT_DATE_FORMAT"),
                in_words(value),
            )
            for index, (day, value) in enumerate(days)
            if value
        ),
    )
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}" font-size="11" '
        'fill="currentColor"><text x="{3}" y="13" font-weight="600">{2}</text>{4}'
        '<text x="{5}" y="{6}" text-anchor="end">{7}</text><path d="M{3} {8}H{9}" stroke="currentColor" opacity=".3"/>'
        '<text x="{3}" y="{10}">{11}</text><text x="{9}" y="{10}" text-anchor="end">{12}</text></svg>',
        _WIDTH,
        _HEIGHT,
        title,
        _LEFT,
        drawn,
        _LEFT - 6,
        _TOP + 8,
        in_words(highest),
        _HEIGHT - _BOTTOM,
        _WIDTH - 8,
        _HEIGHT - 8,
        formats.date_format(days[0][0], "SHORT_DATE_FORMAT"),
        formats.date_format(days[-1][0], "SHORT_DATE_FORMAT"),
    )
