"""Whether a picture is a thumbnail or a photograph: which of a model's networks answers it, or how it is framed.

A thumbnail that was enlarged is still one: it has no more detail than 32 pixels a side can hold.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

THUMBNAILS, PHOTOGRAPHS = "thumbnails", "photographs"

_THUMBNAIL_SIDE = 32
#: From this many pixels on the shorter side the network for photographs is the better one, if there is detail at all.
_SMALLEST_SIDE = _THUMBNAIL_SIDE + 1
_THUMBNAILS_FITTED = 1000
_LONGEST_SIDE = 128
_SIDES = (48, 64, 96, 128, 256, 500)
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

    @classmethod
    def fit(cls, thumbnails: np.ndarray) -> "Router":
        """Return the rule for these thumbnails, uint8 (N, 32, 32, 3)."""
        return cls(_SMALLEST_SIDE, least_detail(thumbnails[:_THUMBNAILS_FITTED]))

    def choose(self, picture: Image.Image) -> str:
        """Return THUMBNAILS or PHOTOGRAPHS for an upright RGB picture."""
        if min(picture.size) < self.smallest_side or detail(picture) < self.least_detail:
            return THUMBNAILS
        return PHOTOGRAPHS


def least_detail(thumbnails: np.ndarray, share: float = 0.995) -> float:
    """Return the detail that this share of thumbnails, uint8 (N, 32, 32, 3), stays under however they are enlarged."""
    found = [detail(picture) for side in _SIDES for picture in _enlarged(thumbnails, side)]
    return float(np.quantile(found, share))


def measure(router: Router, thumbnails: np.ndarray, photographs: Sequence[Image.Image]) -> dict[str, Any]:
    """Return how often the rule errs, for the card: on enlarged thumbnails by their side, and on photographs."""
    by_side = {
        str(side): float(np.mean([router.choose(picture) == PHOTOGRAPHS for picture in _enlarged(thumbnails, side)]))
        for side in _SIDES
    }
    figures: dict[str, Any] = {
        "thumbnails": len(thumbnails),
        "enlarged_thumbnails_taken_for_photographs": by_side,
        "photographs": len(photographs),
    }
    if photographs:
        taken = [router.choose(picture) == THUMBNAILS for picture in photographs]
        figures["photographs_taken_for_thumbnails"] = float(np.mean(taken))
    return figures


def _enlarged(thumbnails: np.ndarray, side: int) -> Iterator[Image.Image]:
    """Each thumbnail at this side, by every way of enlarging in turn, every second one through JPEG."""
    for number, pixels in enumerate(thumbnails):
        picture = Image.fromarray(pixels).resize((side, side), _KERNELS[number % len(_KERNELS)])
        if number // len(_KERNELS) % 2:
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=85)
            picture = Image.open(buffer).convert("RGB")
        yield picture


def detail(picture: Image.Image) -> float:
    """How much of the picture no enlarged thumbnail can show, as a share of its contrast.

    Enlarging is linear, so that thumbnails enlarged in one way are a subspace of all pictures of that size: what is
    left of the picture outside of the nearest of these subspaces, root mean square, over the standard deviation of its
    brightness. Sides of more than 128 pixels are reduced to that. 0 for a picture of one colour.
    """
    size = (min(picture.width, _LONGEST_SIDE), min(picture.height, _LONGEST_SIDE))
    grey = picture.convert("L").resize(size, Image.Resampling.BOX, reducing_gap=None)
    values = np.asarray(grey, np.float32)
    contrast = float(values.std())
    if contrast < 1:
        return 0.0
    values = values - values.mean()
    left = []
    for kernel in _KERNELS:
        rows, columns = _thumbnails_along(size[1], kernel), _thumbnails_along(size[0], kernel)
        left.append(np.mean(np.square(values - rows @ (rows.T @ values @ columns) @ columns.T)))
    return float(np.sqrt(min(left))) / contrast


@cache
def _thumbnails_along(side: int, kernel: Image.Resampling) -> np.ndarray:
    """An orthonormal basis, float32 (side, 32), of what 32 pixels in a row can become when enlarged to `side`."""
    pixels = Image.fromarray(np.eye(_THUMBNAIL_SIDE, dtype=np.float32))
    return np.linalg.qr(np.asarray(pixels.resize((_THUMBNAIL_SIDE, side), kernel)))[0]
