"""Open an image file with Pillow, tolerating harmless oddities."""

import io
import warnings

import pillow_heif
from PIL import AvifImagePlugin, Image, PngImagePlugin

from ml.images.codecs import webp_still
from ml.images.codecs.bmp_masks import open_masked, runs_of
from ml.images.codecs.jpeg_end import completed
from ml.images.codecs.jpeg_markers import survey
from ml.images.codecs.other_files import refusal
from ml.images.codecs.png_chunks import chunk_of, without_useless
from ml.images.colour import profile_of
from ml.images.errors import DamagedImage, EmptyFile, TooManyParts, TooManyPixels, TooMuchMemory
from ml.images.formats import detect

pillow_heif.register_heif_opener(thumbnails=False)
# This project checks the size itself, with a lower limit.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# A decoder's memory is limited, and each thread needs some.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Image editors write megabytes of profile or XMP into one chunk; Pillow reads one.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024
#: Limits of run-length BMPs: pixels, bytes per pixel, and bytes in total.
_MOST_RLE_PIXELS, _RLE_BYTES_A_PIXEL, _RLE_BYTES = 4_000_000, 4, 100_000


def open_image(content: bytes, max_pixels: int) -> Image.Image:
    """Open a file by its content, in accepted formats only, without decoding the pixels yet. Raises ImageError."""
    if not content:
        raise EmptyFile()
    if error := refusal(content):
        raise error
    kind = detect(content) or ""
    try:
        image = _open(content, kind, max_pixels)
        if image.width * image.height > max_pixels:
            raise TooManyPixels(limit=max_pixels // 1_000_000)
        return _with_end(content, image) if kind == "JPEG" else image
    except (TooManyParts, TooManyPixels, DamagedImage):
        raise
    except Image.DecompressionBombError:
        raise TooManyPixels(limit=max_pixels // 1_000_000) from None
    except MemoryError as error:
        raise TooMuchMemory() from error
    except Exception as error:
        raise DamagedImage() from error


def _open(content: bytes, kind: str, max_pixels: int) -> Image.Image:
    if kind == "JPEG" and survey(content).exceeds_limits:
        raise TooManyParts()
    if kind == "BMP":
        _check_runs(content)
    if kind == "PNG":
        content = without_useless(content)
    if kind == "WEBP" and (size := webp_still.large_size_of(content)):
        if size[0] * size[1] > max_pixels:
            raise TooManyPixels(limit=max_pixels // 1_000_000)
        return webp_still.open_still(content)
    try:
        image = Image.open(io.BytesIO(content), formats=[kind])
        if kind == "PNG":
            _describe_colours(image, content)
        return image
    except OSError:
        # Pillow supports only the usual masks.
        masked = open_masked(content) if kind == "BMP" else None
        if masked is None:
            raise
        masked.format = kind
        return masked


def _check_runs(content: bytes) -> None:
    """Raise an ImageError for a run-length BMP that Pillow, which reads it in Python, would take seconds for."""
    pixels = runs_of(content)
    if pixels is None:
        return
    if pixels > _MOST_RLE_PIXELS:
        raise TooManyPixels(limit=_MOST_RLE_PIXELS // 1_000_000)
    if len(content) > _RLE_BYTES_A_PIXEL * pixels + _RLE_BYTES:
        raise TooManyParts()


def _describe_colours(image: Image.Image, content: bytes) -> None:
    """Give a PNG without a colour profile the profile of its colour chunks."""
    info = image.info
    if "icc_profile" in info:
        return
    cicp = chunk_of(content, b"cICP")
    if cicp is None and "srgb" in info:
        return
    is_grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    if profile := profile_of(cicp, info.get("gamma"), info.get("chromaticity"), is_grey):
        info["icc_profile"] = profile


def _with_end(content: bytes, image: Image.Image) -> Image.Image:
    """Open a JPEG that lacks only its end marker."""
    parts = survey(content)
    if parts.has_end:
        return image
    whole = completed(content, parts)
    if whole is None:
        raise DamagedImage()
    return Image.open(io.BytesIO(whole), formats=["JPEG"])
