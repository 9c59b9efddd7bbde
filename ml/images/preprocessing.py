"""Preprocessing: from the bytes of a file to a network's input, the same for pages, API, commands and tests.

`decode` reads any accepted file once into an upright sRGB picture; `to_input` and `to_thumbnail` are made from that.
"""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ml.images.errors import DamagedImage, TooDeep, TooMuchMemory, TooSmall
from ml.images.formats import FORMATS
from ml.images.opening import open_image
from ml.images.pixels import to_working_picture

#: Raise this whenever the same bytes would give other pixels or use another network. Every prediction stores the
#: version.
PREPROCESSING_VERSION = "5"

MAX_PIXELS = 50_000_000
MIN_SIDE = 8
THUMBNAIL_SIDE = 320
#: The JPEG decoder itself may reduce an image to this side, which is the cheapest way.
_LEAST_SIDE = 448

#: Some cameras append a second image to a JPEG; Pillow then reports the format as MPO.
_ALIASES = {"MPO": "JPEG"}


@dataclass(frozen=True)
class Framing:
    """The crop that a network sees.

    squareness: 0 squashes the whole picture to the input's shape, 1 crops it to that shape, and values between crop
    part of the difference. margin: the share of width and height that is also cropped, half of it on each side.
    """

    squareness: float = 0.0
    margin: float = 0.0

    def box(self, size: tuple[int, int], shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return left, upper, right and lower edge for a picture of `size` (width, height) and a `shape` likewise."""
        width, height = size
        fitting = min(width / shape[0], height / shape[1])
        kept_width = (width + self.squareness * (fitting * shape[0] - width)) * (1 - self.margin)
        kept_height = (height + self.squareness * (fitting * shape[1] - height)) * (1 - self.margin)
        # Rounding may put an edge slightly outside the image.
        left, upper = max(0.0, (width - kept_width) / 2), max(0.0, (height - kept_height) / 2)
        return left, upper, min(width, left + kept_width), min(height, upper + kept_height)


WHOLE = Framing()

#: The steps of decoding: take the first of several frames, reduce 16 bits to 8, apply the colour
#: profile, put transparent parts on white or, if the rest is white, on grey, rotate as EXIF says.
STEPS = ("first_frame", "sixteen_bits", "colour_profile", "on_white", "on_grey", "turned")


@dataclass(frozen=True)
class DecodedImage:
    """A picture ready for use, and what its file was.

    picture: RGB, upright, in sRGB, opaque; at most 640 pixels on its longest side.
    format: a key of FORMATS, found from the bytes. width, height: the upright size of the whole file, in pixels.
    steps: the applied STEPS, in that order. seconds: processor time of the decoding, 0 if it was not measured.
    """

    picture: Image.Image
    format: str
    width: int
    height: int
    steps: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def content_type(self) -> str:
        return FORMATS[self.format].content_type

    @property
    def extension(self) -> str:
        return FORMATS[self.format].extension


def decode(content: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode an image file of any accepted kind. Raises a subclass of ImageError that says what is wrong."""
    image = open_image(content, max_pixels)
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise TooSmall(width=width, height=height, limit=MIN_SIDE)
    kind = _ALIASES.get(image.format or "", image.format or "")
    if kind == "TIFF" and image.mode in ("I", "F"):
        raise TooDeep()
    try:
        # A JPEG is decoded at a half, quarter or eighth when that still leaves enough pixels.
        wanted = _LEAST_SIDE / max(width, height)
        image.draft(None, (max(1, round(wanted * width)), max(1, round(wanted * height))))
        # Pillow turns a TIFF upright by itself, and forgets its orientation.
        turned_before = _orientation(image) if kind == "TIFF" else 1
        image = _loaded(image)
        orientation = _orientation(image)
        picture, taken = to_working_picture(_black_is_zero(image))
        taken |= _steps(image, kind, max(orientation, turned_before))
    except MemoryError as error:
        raise TooMuchMemory() from error
    except Exception as error:
        # Codecs raise all kinds of errors for broken input; the file is at fault, not the program.
        raise DamagedImage() from error
    if orientation in _TURNS:
        picture = picture.transpose(_TURNS[orientation])
    if orientation >= 5:
        width, height = height, width
    return DecodedImage(picture, kind, width, height, tuple(step for step in STEPS if step in taken))


def to_input(picture: Image.Image, height: int, width: int, framing: Framing = WHOLE) -> np.ndarray:
    """Return the network's input, uint8 of shape (height, width, 3): the part of the picture that `framing` keeps.

    A picture that already has this size is returned unchanged, to the pixel.
    """
    if picture.size != (width, height):
        box = framing.box(picture.size, (width, height))
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(picture)


def to_thumbnail(picture: Image.Image) -> bytes:
    """Return a JPEG of at most 320 pixels a side that carries no metadata of the upload."""
    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    small.info = {}
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


#: TIFF 6.0: what the values of pixels mean; 0 is "white is zero".
_PHOTOMETRIC = 262
_MOST_OF_SIXTEEN_BITS = np.uint16(65535)

#: EXIF orientation -> what makes the picture upright (CIPA DC-008, tag 0x0112).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:
        # Damaged EXIF does not make the picture unreadable.
        return 1
    return value if value in _TURNS else 1


def _loaded(image: Any) -> Any:
    """Decode the image; of a GIF whose first frame is smaller than its screen, the rest is transparent."""
    box = tuple(image.tile[0][1]) if image.format == "GIF" and image.tile else None
    image.load()
    if box is None or box == (0, 0, *image.size):
        return image
    screen: Any = Image.new("RGBA", image.size)
    screen.paste(image.crop(box).convert("RGBA"), box)
    # Whether it is animated, and how it is turned.
    screen.info, screen.format, screen.is_animated = image.info, image.format, image.is_animated
    return screen


def _black_is_zero(image: Any) -> Any:
    """Return a TIFF of 16 bits whose zero means white as one whose zero means black; Pillow does so for 8 bits only."""
    is_inverted = image.format == "TIFF" and image.mode.startswith("I") and image.tag_v2.get(_PHOTOMETRIC) == 0
    return Image.fromarray(_MOST_OF_SIXTEEN_BITS - np.asarray(image)) if is_inverted else image


def _steps(image: Image.Image, kind: str, orientation: int) -> set[str]:
    # A camera's JPEG may have a preview for a second frame, which nobody would miss.
    needed = {
        "first_frame": kind != "JPEG" and getattr(image, "is_animated", False),
        "sixteen_bits": image.mode.startswith("I"),
        "turned": orientation in _TURNS,
    }
    return {step for step, is_needed in needed.items() if is_needed}
