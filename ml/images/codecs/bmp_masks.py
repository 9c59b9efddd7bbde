"""BMP files with unusual channel masks, which Windows reads and Pillow does not."""

import struct

import numpy as np
from PIL import Image

_FIELDS, _FIELDS_WITH_ALPHA, _RUN_LENGTHS = 3, 6, (1, 2)
#: The offset of the pixels; the image header's length, width, height, planes, bits per pixel and compression.
_HEADER = struct.Struct("<10xIIiiHHI")
_MASKS = struct.Struct("<4I")
_MASKS_PLACE, _ALPHA_HEADER = 54, 56


def open_masked(content: bytes) -> Image.Image | None:
    """Return a BMP of 16 or 32 bits a pixel with any channel masks as RGB or RGBA; None for other files.

    Raises ValueError if pixels are missing or the bits of a mask are not contiguous.
    """
    if len(content) < _MASKS_PLACE + _MASKS.size:
        return None
    start, header, width, height, _planes, bits, compression = _HEADER.unpack_from(content)
    if compression not in (_FIELDS, _FIELDS_WITH_ALPHA) or bits not in (16, 32) or width < 1 or height == 0:
        return None
    masks = _MASKS.unpack_from(content, _MASKS_PLACE)
    if header < _ALPHA_HEADER and compression != _FIELDS_WITH_ALPHA:
        masks = masks[:3]
    kind = np.dtype(f"<u{bits // 8}")
    if any(mask >> bits for mask in masks):
        raise ValueError("a mask is longer than a pixel")
    # Every row takes a multiple of four bytes.
    stride = -(-width * kind.itemsize // 4) * 4
    rows = np.frombuffer(content, np.uint8, abs(height) * stride, start).reshape(abs(height), stride)
    pixels = rows[:, : width * kind.itemsize].copy().view(kind)
    if height > 0:
        pixels = pixels[::-1]
    if not any(masks[3:]):
        masks = masks[:3]
    return Image.fromarray(np.dstack([_channel(pixels, mask) for mask in masks]))


def runs_of(content: bytes) -> int | None:
    """The number of pixels of a run-length BMP; None for other files."""
    if len(content) < _HEADER.size:
        return None
    _start, _header, width, height, _planes, _bits, compression = _HEADER.unpack_from(content)
    return abs(width * height) if compression in _RUN_LENGTHS else None


def _channel(pixels: np.ndarray, mask: int) -> np.ndarray:
    """The channel's values, scaled to 0-255."""
    if not mask:
        return np.zeros(pixels.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    if most & (most + 1):
        raise ValueError(f"the mask {mask:x} is in pieces")
    values = (pixels & pixels.dtype.type(mask)) >> pixels.dtype.type(shift)
    return (values.astype(np.float32) * (255 / most) + 0.5).astype(np.uint8)
