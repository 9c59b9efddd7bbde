"""Decode large WebP stills in a fifth of Pillow's memory, which treats each as an animation."""

from collections.abc import Iterator

from imagecodecs import webp_decode
from PIL import Image

#: The size in pixels from which a WebP is decoded by another codec than Pillow's.
LARGE = 4_000_000

_HEADER = 12
_ANIMATED, _ALPHA = 0x02, 0x10
_METADATA = {b"ICCP": "icc_profile", b"EXIF": "exif", b"XMP ": "xmp"}


def large_size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height of a large WebP still; None for other files."""
    size = _size_of(content)
    return size if size and size[0] * size[1] > LARGE else None


def _size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP still (RFC 9649); None for animations and invalid files."""
    for kind, body in _chunks(content):
        if kind == b"VP8X" and len(body) >= 10:
            if body[0] & _ANIMATED:
                return None
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
        if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        return None
    return None


def open_still(content: bytes) -> Image.Image:
    """Return a WebP still, decoded: RGBA, or RGBX where nothing is transparent; four bytes a pixel and no copy.

    Raises imagecodecs.WebpError, MemoryError.
    """
    pixels = webp_decode(content, hasalpha=True)
    mode = "RGBA" if _has_alpha(content) else "RGBX"
    image = Image.frombuffer(mode, (pixels.shape[1], pixels.shape[0]), pixels, "raw", mode, 0, 1)
    image.info = {_METADATA[kind]: bytes(body) for kind, body in _chunks(content) if kind in _METADATA}
    image.format = "WEBP"
    return image


def bytes_a_pixel(content: bytes) -> int:
    """The largest amount of memory that decoding a still needs."""
    return 9 if any(kind == b"VP8L" for kind, _body in _chunks(content)) else 5


def _has_alpha(content: bytes) -> bool:
    for kind, body in _chunks(content):
        if kind == b"VP8X":
            return bool(body[0] & _ALPHA)
        if kind == b"VP8L":
            return bool(body[4] & 0x10)
        if kind == b"VP8 ":
            return False
    return False


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view = memoryview(content)
    place = _HEADER
    while place + 8 <= len(content):
        length = int.from_bytes(view[place + 4 : place + 8], "little")
        yield bytes(view[place : place + 4]), view[place + 8 : place + 8 + length]
        # Chunks begin at even offsets.
        place += 8 + length + length % 2
