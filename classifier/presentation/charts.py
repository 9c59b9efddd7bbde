"""Small charts as SVG inside a page: no script, no library; text, numbers and colours are the page's own.

Axes begin at zero and have their labels at round numbers, so that no label is rounded away from its line.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from classifier.services.models.measurements import number, percent
from classifier.services.models.measurements import whole as whole_number
from ml.confidence.calibration import ReliabilityBin

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 360, 200, 48, 12, 24, 26
_ACROSS, _DOWN = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_MOST_TICKS = 5
#: The site's style sheet has other colours for dark pages.
_COLOURS = {"series-1": "#4477aa", "series-2": "#cc4055"}
_SHARES = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def training_curves(epochs: Sequence[dict[str, float]]) -> SafeString:
    """Accuracy and loss by epoch, from dictionaries with the fields of `ml.training.loop.EpochRecord`."""
    if not epochs:
        return format_html("<p>{}</p>", _("No epoch has finished yet."))
    losses = [epoch[name] for epoch in epochs for name in ("loss", "validation_loss")]
    highest = max(filter(math.isfinite, losses), default=0.0)
    return (
        _curves(_("Accuracy"), epochs, "accuracy", _SHARES, _share)
        + _curves(_("Loss"), epochs, "loss", *_axis_to(highest))
        + _learning_rate(epochs)
    )


def compared_accuracy(models: Sequence[tuple[str, Sequence[dict[str, float]]]]) -> SafeString:
    """Validation accuracy by epoch of two models, each with its name and its epochs, on one axis."""
    longest = max(len(epochs) for _name, epochs in models)
    series = [
        (name, [epoch["validation_accuracy"] for epoch in epochs], colour)
        for (name, epochs), colour in zip(models, _COLOURS, strict=True)
    ]
    drawn = _lines([(values, colour) for _name, values, colour in series], longest, _SHARES)
    # Names of models are too long for the chart's own legend.
    names = format_html_join("", '<li class="{}">{}</li>', ((colour, name) for name, _values, colour in series))
    chart = _svg(_("Validation accuracy"), _horizontal(_SHARES, _share) + drawn + _epochs_below(longest))
    return chart + format_html('<ul class="series-names">{}</ul>', names)


def bars(title: str, days: Sequence[tuple[date, float | None]], *, whole: bool = False) -> SafeString:
    """A bar a day, of numbers from 0 on or, by default, of shares of one; None for a day without any.

    `whole` says that they are whole numbers.
    """
    highest = max((value for _day, value in days if value is not None), default=0)
    ticks, in_words = (_axis_to(highest, least_step=1)[0], whole_number) if whole else (_SHARES, _share)
    step = _ACROSS / max(len(days), 1)
    drawn = format_html_join(
        "",
        '<rect class="series-1" x="{}" y="{}" width="{}" height="{}" fill="#4477aa"><title>{}: {}</title></rect>',
        (
            (
                f"{_LEFT + index * step:.1f}",
                f"{_y(value, ticks):.1f}",
                f"{step * 0.8:.1f}",
                f"{_TOP + _DOWN - _y(value, ticks):.1f}",
                formats.date_format(day, "SHORT_DATE_FORMAT"),
                whole_number(value) if whole else percent(value, 1),
            )
            for index, (day, value) in enumerate(days)
            if value
        ),
    )
    first, last = (formats.date_format(day, "SHORT_DATE_FORMAT") for day in (days[0][0], days[-1][0]))
    return _svg(title, _horizontal(ticks, in_words) + drawn + _below(first, last))


def reliability(bins: Sequence[ReliabilityBin], before: Sequence[ReliabilityBin]) -> SafeString:
    """How many answers were right, by how confident the model was; `before`: before its confidence was calibrated."""
    drawn = format_html_join(
        "",
        '<rect class="series-1" x="{}" y="{}" width="{}" height="{}" fill="#4477aa" fill-opacity=".7"><title>{}</title>'
        "</rect>",
        (
            (
                f"{_x(group.low):.1f}",
                f"{_y(group.accuracy, _SHARES):.1f}",
                f"{_x(group.high) - _x(group.low) - 1:.1f}",
                f"{_TOP + _DOWN - _y(group.accuracy, _SHARES):.1f}",
                _("Confidence %(low)s to %(high)s: %(right)s of %(count)s images correct")
                % {
                    "low": percent(group.low, 0),
                    "high": percent(group.high, 0),
                    "right": percent(group.accuracy, 1),
                    "count": whole_number(group.count),
                },
            )
            for group in bins
        ),
    )
    points = format_html_join(
        "",
        '<circle class="series-2" cx="{}" cy="{}" r="3" fill="#cc4055"/>',
        ((f"{_x(group.confidence):.1f}", f"{_y(group.accuracy, _SHARES):.1f}") for group in before),
    )
    ideal = format_html(
        '<path d="M{} {}L{} {}" stroke="currentColor" stroke-dasharray="4 3" opacity=".6"/>',
        *(_LEFT, _TOP + _DOWN, _LEFT + _ACROSS, _TOP),
    )
    legend = _legend([(_("before calibration"), "series-2"), (_("calibrated"), "series-1")])
    axes = _horizontal(_SHARES, _share) + _below(_share(0), _share(1), _("confidence"))
    return _svg(_("Share correct"), axes + drawn + ideal + points + legend)


def _curves(
    title: str,
    epochs: Sequence[dict[str, float]],
    name: str,
    ticks: Sequence[float],
    in_words: Callable[[float], str],
) -> SafeString:
    series = [
        ([epoch[field] for epoch in epochs], colour)
        for field, colour in ((name, "series-1"), (f"validation_{name}", "series-2"))
    ]
    drawn = _lines(series, len(epochs), ticks)
    legend = _legend([(_("validation"), "series-2"), (_("training"), "series-1")])
    precisely = percent if name == "accuracy" else partial(number, decimals=3)
    values = [
        _("Epoch %(n)s: training %(training)s, validation %(validation)s")
        % {"n": index, "training": precisely(epoch[name]), "validation": precisely(epoch[f"validation_{name}"])}
        for index, epoch in enumerate(epochs, 1)
    ]
    return _svg(title, _horizontal(ticks, in_words) + drawn + legend + _epochs_below(len(epochs)) + _on_hover(values))


def _learning_rate(epochs: Sequence[dict[str, float]]) -> SafeString:
    rates = [epoch["learning_rate"] for epoch in epochs]
    ticks, in_words = _axis_to(max(rates))
    values = [_("Epoch %(n)s: %(rate)s") % {"n": index, "rate": number(rate, 6)} for index, rate in enumerate(rates, 1)]
    drawn = _lines([(rates, "series-1")], len(epochs), ticks)
    return _svg(
        _("Learning rate"), _horizontal(ticks, in_words) + drawn + _epochs_below(len(epochs)) + _on_hover(values)
    )


def _epochs_below(count: int) -> SafeString:
    return _below("1", whole_number(count) if count > 1 else "", _("epoch"))


def _on_hover(values: Sequence[str]) -> SafeString:
    """A transparent column for each epoch that shows its values as a tooltip."""
    width = _ACROSS / len(values)
    return format_html_join(
        "",
        '<rect class="hover" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        ((f"{_LEFT + index * width:.1f}", _TOP, f"{width:.1f}", _DOWN, value) for index, value in enumerate(values)),
    )


def _lines(series: Sequence[tuple[Sequence[float], str]], count: int, ticks: Sequence[float]) -> SafeString:
    """A line for each series of values by epoch, in its colour; `count`: the epochs that the axis has."""
    step = _ACROSS / max(count - 1, 1)
    return format_html_join(
        "",
        '<polyline class="{}" fill="none" stroke="{}" stroke-width="1.8" stroke-linecap="round" points="{}"/>',
        (
            (
                colour,
                _COLOURS[colour],
                " ".join(
                    f"{_LEFT + step * min(index, len(values) - 1):.1f},{_y(value, ticks):.1f}"
                    # One epoch alone is a line to itself, which its round ends make a point.
                    for index, value in enumerate(values if len(values) > 1 else [*values, *values])
                ),
            )
            for values, colour in series
        ),
    )


def _svg(title: str, content: SafeString) -> SafeString:
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}" font-size="11" '
        'fill="currentColor"><text x="{3}" y="13" font-weight="600">{2}</text>{4}</svg>',
        *(_WIDTH, _HEIGHT, title, _LEFT, content),
    )


def _horizontal(ticks: Sequence[float], in_words: Callable[[float], str]) -> SafeString:
    """A line for each tick, with its label."""
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text><path d="M{} {}H{}" stroke="currentColor" opacity=".2"/>',
        (
            (_LEFT - 6, f"{_y(tick, ticks) + 4:.1f}", in_words(tick), _LEFT, f"{_y(tick, ticks):.1f}", _LEFT + _ACROSS)
            for tick in ticks
        ),
    )


def _below(first: str, last: str, name: str = "") -> SafeString:
    """The labels of the horizontal axis: at its ends, and its title."""
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (x, _HEIGHT - 8, anchor, words)
            for x, anchor, words in (
                (_LEFT, "start", first),
                (_LEFT + _ACROSS / 2, "middle", name),
                (_LEFT + _ACROSS, "end", last),
            )
            if words
        ),
    )


def _legend(series: Sequence[tuple[str, str]]) -> SafeString:
    """The names of series in their colours, from the right to the left."""
    names = format_html_join(
        " ", '<tspan class="{}" fill="{}">{}</tspan>', ((name, _COLOURS[name], words) for words, name in series[::-1])
    )
    return format_html('<text x="{}" y="13" text-anchor="end" word-spacing="2">{}</text>', _LEFT + _ACROSS, names)


def _axis_to(highest: float, least_step: float = 0.0) -> tuple[list[float], Callable[[float], str]]:
    """Ticks from zero at round numbers to `highest` or above, and how they are written."""
    highest = highest if highest > 0 else 1.0
    rough = highest / _MOST_TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = max(next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999999), least_step)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    count = max(1, math.ceil(highest / step - 1e-9))
    return [index * step for index in range(count + 1)], lambda value: number(value, decimals)


def _share(value: float) -> str:
    return percent(value, 0)


def _x(share: float) -> float:
    return _LEFT + _ACROSS * share


def _y(value: float, ticks: Sequence[float]) -> float:
    return _TOP + _DOWN * (1 - value / ticks[-1])
