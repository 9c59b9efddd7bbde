"""A small painter's kit: smooth shapes, shaded as if light came from above and from the left."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter

WIDTH, HEIGHT = 320, 240
#: Everything is painted this much larger, and reduced in the end: edges come out smooth.
_SCALE = 3
_SIZE = (WIDTH * _SCALE, HEIGHT * _SCALE)
#: The direction of the light: x, y.
_LIGHT = np.array([-0.5, -0.85])

_LANCZOS, _BICUBIC, _BOX = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX

Points = Sequence[tuple[float, float]]


class Canvas:
    """A picture of 320 x 240 points that is painted from the back to the front; the same seed paints the same.

    A shape is a mask, float32 (height, width) from 0 to 1; a colour is anything that Pillow takes for one.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._pixels: np.ndarray = np.zeros((_SIZE[1], _SIZE[0], 3), np.float32)

    def jpeg(self, quality: int = 80) -> bytes:
        """Return the picture as a JPEG file, with the little noise that a camera has."""
        picture = Image.fromarray(self._pixels.clip(0, 255).astype(np.uint8)).resize((WIDTH, HEIGHT), _LANCZOS)
        pixels = np.asarray(picture, np.float32) + self._random.normal(0, 2.0, (HEIGHT, WIDTH, 1))
        buffer = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality, optimize=True)
        return buffer.getvalue()

    def paint(
        self,
        shape: np.ndarray,
        colour: str,
        below: str = "",
        *,
        relief: float = 0.0,
        strength: float = 55.0,
        grain: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Paint a shape, from `colour` at its top to `below` at its bottom.

        relief: how round it looks, the width in points of its shaded rim; strength: how light and dark the rim is.
        grain: the contrast of a mottled surface.
        """
        rows = np.flatnonzero(shape.any(axis=1))
        if not rows.size:
            return
        share = np.clip((np.arange(_SIZE[1]) - rows[0]) / max(np.ptp(rows), 1), 0, 1)[:, None, None]
        first, last = _rgb(colour), _rgb(below or colour)
        paint = np.broadcast_to(first + (last - first) * share, self._pixels.shape)
        if relief:
            paint = paint + (strength * _relief(shape, relief))[..., None]
        if grain:
            paint = paint + (grain * (self.noise(24, 24) - 0.5))[..., None]
        alpha = (shape * opacity)[..., None]
        self._pixels = self._pixels * (1 - alpha) + paint * alpha

    def shade(self, shape: np.ndarray, amount: float) -> None:
        """Darken what is painted under a shape, or lighten it if the amount is negative; 1 is black, -1 white."""
        target = 0 if amount > 0 else 255
        self._pixels += (target - self._pixels) * (shape * abs(amount))[..., None]

    def noise(self, across: int, down: int, octaves: int = 5) -> np.ndarray:
        """A mask of clouds, `across` x `down` of them, with ever smaller ones in them."""
        total = np.zeros((_SIZE[1], _SIZE[0]), np.float32)
        for octave in range(octaves):
            cells = self._random.random((down * 2**octave + 1, across * 2**octave + 1)).astype(np.float32)
            total += np.asarray(Image.fromarray(cells).resize(_SIZE, _BICUBIC)) / 2**octave
        return (total - total.min()) / np.ptp(total)


def everything() -> np.ndarray:
    return np.ones((_SIZE[1], _SIZE[0]), np.float32)


def below(horizon: float) -> np.ndarray:
    """The area below a height."""
    return polygon([(0, horizon), (WIDTH, horizon), (WIDTH, HEIGHT), (0, HEIGHT)])


def polygon(points: Points) -> np.ndarray:
    image = Image.new("L", _SIZE)
    ImageDraw.Draw(image).polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=255)
    return _mask(image)


def blob(points: Points) -> np.ndarray:
    """A round shape through the points (a closed Catmull-Rom spline)."""
    return polygon(_spline(np.array([*points[-1:], *points, *points[:2]], float)))


def stroke(points: Points, width: float) -> np.ndarray:
    """A round line through the points, with round ends."""
    path = np.array(_spline(np.array([points[0], *points, points[-1]], float))) * _SCALE
    image = Image.new("L", _SIZE)
    draw, radius = ImageDraw.Draw(image), width * _SCALE / 2
    draw.line([tuple(point) for point in path], fill=255, width=round(2 * radius))
    for x, y in path:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return _mask(image)


def ellipse(x: float, y: float, across: float, down: float, turned: float = 0.0) -> np.ndarray:
    """An ellipse of these half axes around a point, turned clockwise by degrees."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    along, aside = across * np.cos(angle), down * np.sin(angle)
    sine, cosine = np.sin(np.radians(turned)), np.cos(np.radians(turned))
    return polygon(list(zip(x + along * cosine - aside * sine, y + along * sine + aside * cosine)))


def soft(shape: np.ndarray, radius: float) -> np.ndarray:
    """The shape out of focus."""
    image = Image.fromarray((shape * 255).astype(np.uint8))
    return _mask(image.filter(ImageFilter.GaussianBlur(radius * _SCALE)))


def _spline(points: np.ndarray, steps: int = 16) -> list[tuple[float, float]]:
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    found = []
    for a, b, c, d in zip(points, points[1:], points[2:], points[3:]):
        found.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return [tuple(point) for point in np.concatenate([*found, points[-2:-1]])]


def _relief(shape: np.ndarray, width: float) -> np.ndarray:
    """How much lighter or darker a shape's surface is when it bulges, from -1 to 1."""
    # A blurred mask has 256 steps; smoothed once more they do not show as lines.
    smooth = Image.fromarray(soft(shape, width)).resize((WIDTH, HEIGHT), _BOX).resize(_SIZE, _BICUBIC)
    slope = np.gradient(np.asarray(smooth))
    return np.clip(width * _SCALE * 2.5 * (_LIGHT[1] * slope[0] + _LIGHT[0] * slope[1]), -1, 1)


def _mask(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float32) / 255


def _rgb(colour: str) -> np.ndarray:
    return np.array(ImageColor.getrgb(colour), np.float32)
