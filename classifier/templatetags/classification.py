"""Numbers and names as pages show them."""

import math
from itertools import zip_longest

from django import template
from django.utils import formats
from django.utils.translation import gettext as _

from classifier.models import Prediction, Upload
from classifier.presentation import class_labels
from classifier.presentation.sizes import size_in_words
from classifier.services.history.correction import labels_of
from classifier.services.models import measurements
from ml.images.formats import FORMATS
from ml.images.preprocessing import THUMBNAIL_SIDE

register = template.Library()

#: The largest height of an image on a page, in pixels.
_HIGHEST = 416


@register.filter
def class_label(name: str) -> str:
    """The class's name in the language of the page."""
    # A lazy string would be translated once more by everything that is done with it.
    return str(class_labels.class_label(name))


@register.filter
def class_label_within(name: str) -> str:
    """The class's name as it stands within a sentence."""
    return class_labels.class_label_within(name)


@register.filter
def network_label(name: str) -> str:
    """The label of one of a model's networks."""
    return class_labels.network_label(name)


@register.filter
def labels_with_keys(prediction: Prediction) -> list[tuple[str, str]]:
    """The labels of a correction with their shortcut keys: 1 to 9 and 0, and n for none of the classes."""
    *classes, none = labels_of(prediction)
    return [*zip_longest(classes, "1234567890"[: len(classes)], fillvalue=""), (none, "n")]


@register.filter
def shown_size(upload: Upload) -> tuple[int, int]:
    """Width and height in pixels at which a page shows an upload, so that it has its place before it arrives."""
    return upload.size_within(math.inf, _HIGHEST) if is_shown_by_browsers(upload) else thumbnail_size(upload)


@register.filter
def is_shown_by_browsers(upload: Upload) -> bool:
    """Whether a page can show the upload itself; of others it shows the thumbnail."""
    return FORMATS[upload.format].in_browsers


@register.filter
def thumbnail_size(upload: Upload) -> tuple[int, int]:
    """Width and height of an upload's thumbnail in pixels."""
    return upload.size_within(THUMBNAIL_SIDE, THUMBNAIL_SIDE)


@register.filter
def step_in_words(step: str) -> str:
    """The description of a decoding step, one of ml.images.preprocessing.STEPS."""
    return {
        "first_frame": _("Used the first of several frames."),
        "sixteen_bits": _("Converted from 16 to 8 bits per channel."),
        "colour_profile": _("Applied the colour profile."),
        "on_white": _("Filled transparent areas with white."),
        "on_grey": _("Filled transparent areas with grey, because the rest is white."),
        "turned": _("Rotated upright as recorded by the camera."),
    }[step]


@register.filter
def closeness_in_words(closeness: str) -> str:
    """How like a picture a training image is, one of ml.serving.neighbours.CLOSENESS."""
    return {
        "same": _("identical"),
        "very_similar": _("very similar"),
        "similar": _("similar"),
        "a_little": _("slightly similar"),
        "hardly": _("hardly similar"),
    }[closeness]


@register.filter
def percent(share: float) -> str:
    """A share of one as percent with one decimal: 100 and 0 are kept for what is exactly that."""
    value = round(100 * share, 1)
    if value >= 100 and share < 1:
        value = 99.9
    if value <= 0 and share > 0:
        return f"<\u202f{formats.number_format(0.1, 1)}%"
    return f"{formats.number_format(value, 1)}%"


@register.filter
def percent_rounded(share: float) -> str:
    """A share of one as a whole number of percent."""
    return measurements.percent(share, 0)


@register.filter
def share(value: float) -> str:
    """A share of one as percent with two decimals, for figures that are compared."""
    return measurements.percent(value)


@register.filter
def points(value: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{measurements.number(abs(100 * value), 2)}"


@register.filter
def file_size(count: int) -> str:
    """Format a number of bytes with a suitable unit."""
    return size_in_words(count)


@register.filter
def grouped(value: int) -> str:
    """A whole number with its digits in groups."""
    return measurements.whole(value)


@register.filter
def duration(seconds: float) -> str:
    """A time span in hours, minutes or seconds, to two digits or so."""
    return measurements.duration(seconds)
