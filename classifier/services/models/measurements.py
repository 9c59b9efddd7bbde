"""Accuracy with its interval and test data in words, for pages, admin, API and commands."""

from collections.abc import Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ml.artifacts.folder import Card
from ml.data.cifar10 import JPEG_COPY
from ml.evaluation.metrics import wilson_interval

#: Earlier uses of photos that make them no independent test.
PHOTOGRAPH_USES = ("backbone", "framing", "input_size")


def test_in_words(card: Card) -> str | None:
    """The test accuracy with its images, data set and interval; None if the model was never tested."""
    test = card.metrics.get("test")
    if not test:
        return None
    said = ngettext(
        "%(accuracy)s of %(count)s test image of %(data)s (95%% interval %(low)s to %(high)s)",
        "%(accuracy)s of %(count)s test images of %(data)s (95%% interval %(low)s to %(high)s)",
        test["count"],
    )
    low, high = test["interval"]
    return said % {
        "accuracy": percent(test["accuracy"]),
        "count": whole(test["count"]),
        "data": data_set(card),
        "low": percent(low),
        "high": percent(high),
    }


def data_set(card: Card) -> str:
    """The name of the data set of the figures, and whether it is not the original."""
    tested_on = card.tested_on
    name = tested_on.get("name") or "?"
    return _("%(data)s as a JPEG copy") % {"data": name} if tested_on.get("fingerprint") == JPEG_COPY else name


def with_interval(share: float, count: float, decimals: int = 2) -> str:
    """A share of this many images, with its 95% interval."""
    low, high = wilson_interval(round(share * count), round(count))
    return _("%(share)s (95%% interval %(low)s to %(high)s)") % {
        "share": percent(share, decimals),
        "low": percent(low, decimals),
        "high": percent(high, decimals),
    }


def photographs_were_used(card: Card, figures: dict[str, Any]) -> str | None:
    """Why an evaluation on photos is not an independent test; None if nothing speaks against it."""
    uses: Sequence[str] = figures.get("used_for", [])
    if "backbone" in uses:
        said = [_("they come from ImageNet, on which the backbone was trained")]
    elif any(network.get("architecture") == "efficientnet_lite0" for network in card.networks.values()):
        said = [_("if they come from ImageNet, the backbone was trained on them")]
    else:
        said = []
    said += [_("the crop was chosen on them")] if "framing" in uses else []
    said += [_("the input size was chosen on them")] if "input_size" in uses else []
    return "; ".join(said) or None


def percent(share: float, decimals: int = 2) -> str:
    """A share of one as percent."""
    return f"{number(100 * share, decimals)}%"


def number(value: float, decimals: int) -> str:
    """Format a number with this many decimals and the language's decimal mark."""
    # Django's number_format truncates instead of rounding.
    return number_format(round(value, decimals), decimals)


def whole(value: float) -> str:
    """Round and group the digits."""
    return number_format(round(value), 0, force_grouping=True)


def duration(seconds: float) -> str:
    """A time span in hours, minutes or seconds, to two digits or so; never "0.0 hours"."""
    if seconds < 90:
        return _("%(n)s s") % {"n": whole(max(seconds, 1))}
    if seconds < 5400:
        return _("%(n)s min") % {"n": whole(seconds / 60)}
    return _("%(n)s h") % {"n": number(seconds / 3600, 1)}


def speed(per_second: float) -> str:
    """Format a rate per second; below ten with a decimal."""
    return number(per_second, 1) if per_second < 9.5 else whole(per_second)
