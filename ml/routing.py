"""Which of a model's networks answers a picture: the one for thumbnails or the one for photographs.

A thumbnail that was enlarged is still one: it has no more detail than 32 pixels a side can hold.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

THUMBNAILS, PHOTOGRAPHS = "thumbnails", "photographs"

_THUMBNAIL_SIDE = 32
_MEASURED_SIDE = 128
#: The ways in which programs enlarge a picture.
_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


@dataclass(frozen=True)
class Router:
    """The rule: a picture is a thumbnail if its shorter side has fewer than `smallest_side` pixels, or if it has less
    detail than `least_detail`.
    """

    smallest_side: int
    least_detail: float

    @classmethod
    def from_card(cls, routing: dict[str, Any]) -> "Router":
        return cls(routing["smallest_side"], routing["least_detail"])

    def choose(self, picture: Image.Image) -> str:
        """Return the name of the network that answers this upright RGB picture."""
        if min(picture.size) < self.smallest_side or detail(picture) < self.least_detail:
            return THUMBNAILS
        return PHOTOGRAPHS


def detail(picture: Image.Image) -> float:
    """How much of the picture a thumbnail of 32 pixels a side cannot hold, as a share of its contrast.

    The root mean square of what is lost on the way to the thumbnail and back, by the way of enlarging that loses least,
    over the standard deviation of the brightness; measured at 128 pixels a side. 0 for a picture of one colour.
    """
    grey = picture.convert("L").resize((_MEASURED_SIDE, _MEASURED_SIDE), Image.Resampling.BOX, reducing_gap=None)
    values = np.asarray(grey, np.float32)
    contrast = float(values.std())
    if contrast < 1:
        return 0.0
    small = grey.resize((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.BOX)
    losses = [
        float(np.sqrt(np.mean((values - np.asarray(small.resize(grey.size, kernel), np.float32)) ** 2)))
        for kernel in _KERNELS
    ]
    return min(losses) / contrast
