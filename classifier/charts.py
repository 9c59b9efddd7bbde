"""Small line charts as SVG inside a page: no script, no library, colours from the page."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

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
            (_LEFT - 6, f"{y(value) + 4:.1f}", f"{value:.2f}", _LEFT, f"{y(value):.1f}", _WIDTH - 8)
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
