"""Remove PNG chunks that the pixels do not need and that could make a codec fail."""

import zlib
from itertools import pairwise

_SIGNATURE_LENGTH, _FRAME = 8, 12
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
#: Text chunks that may contain the orientation.
_KEYWORDS = (b"XML:com.adobe.xmp\0", b"Raw profile type ")
_ANCILLARY = 0x20


def without_useless(content: bytes) -> bytes:
    """Return the PNG without texts, which may be megabytes, and without ancillary chunks whose checksum is wrong.

    A PNG that has none of either is returned as it is.
    """
    left_out = []
    position = _SIGNATURE_LENGTH
    while position + _FRAME <= len(content):
        end = position + _FRAME + int.from_bytes(content[position : position + 4], "big")
        if _is_useless(content, position, end):
            left_out.append((position, end))
        position = end
    if not left_out:
        return content
    edges = [(0, 0), *left_out, (len(content), len(content))]
    return b"".join(content[before[1] : after[0]] for before, after in pairwise(edges))


def chunk_of(content: bytes, kind: bytes) -> bytes | None:
    """The content of the first chunk of a kind before the pixels."""
    position = _SIGNATURE_LENGTH
    while position + _FRAME <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        found = content[position + 4 : position + 8]
        if found in (kind, b"IDAT"):
            return content[position + 8 : position + 8 + length] if found == kind else None
        position += _FRAME + length
    return None


def _is_useless(content: bytes, start: int, end: int) -> bool:
    kind = content[start + 4 : start + 8]
    if not kind[0] & _ANCILLARY or end > len(content):
        return False
    if kind in _TEXTS and not content.startswith(_KEYWORDS, start + 8):
        return True
    view = memoryview(content)[start + 4 : end - 4]
    return zlib.crc32(view) != int.from_bytes(content[end - 4 : end], "big")
