"""Recognise unsupported files, such as PDF or RAW, to tell people what to do."""

import re
from typing import Literal

from ml.images.errors import (
    ArchiveFile,
    DocumentFile,
    ImageError,
    JpegXlFile,
    NotAnImage,
    PdfFile,
    PhotoshopFile,
    RawFile,
    SvgFile,
    TextFile,
    VideoFile,
    WebPage,
)
from ml.images.formats import detect

#: The bytes in which to recognise text and find the first element of XML.
_HEAD = 4096
_STARTS: dict[type[ImageError], tuple[bytes, ...]] = {
    PhotoshopFile: (b"8BPS",),
    JpegXlFile: (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    # Olympus, Panasonic, Fujifilm, Canon, Sigma and Minolta; others are TIFF files.
    RawFile: (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"II\x1a\0\0\0HEAPCCDR", b"FOVb", b"\0MRM"),
    # Matroska and WebM, MPEG, Flash and Windows Media.
    VideoFile: (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"0&\xb2u\x8ef\xcf\x11"),
    DocumentFile: (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf"),
    ArchiveFile: (b"PK\3\4", b"PK\5\6", b"PK\7\x08", b"7z\xbc\xaf'\x1c", b"Rar!\x1a\x07", b"\x1f\x8b", b"\xfd7zXZ\0"),
}
#: The first members of ZIP files by office programs.
_OFFICE = (b"[Content_Types].xml", b"mimetypeapplication/vnd.", b"_rels/", b"docProps/")
#: Types of a QuickTime file's first box.
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_CANON_BRAND = b"crx "
_MARKUP = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.DOTALL)
_CONTROL = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f]")

_DNG_VERSION, _SUB_IMAGES, _SUBFILE, _COMPRESSION, _PHOTOMETRIC = 0xC612, 0x014A, 254, 259, 262
#: Sony's, Nikon's and Pentax's own.
_RAW_COMPRESSIONS = (32767, 34713, 65535)
#: A colour filter array, and a linear image developed from one.
_RAW_PHOTOMETRICS = (32803, 34892)
_MOST_TAGS = 200


def refusal(content: bytes) -> ImageError | None:
    """The error for an unsupported file; None if its signature is of a supported format."""
    kind = detect(content)
    if kind is None:
        return _named(content)()
    return RawFile() if kind == "TIFF" and _is_raw(content) else None


def _named(content: bytes) -> type[ImageError]:
    head = content[:_HEAD]
    if b"%PDF-" in head[:1024]:
        return PdfFile
    for kind, starts in _STARTS.items():
        if head.startswith(starts):
            return DocumentFile if kind is ArchiveFile and any(part in head for part in _OFFICE) else kind
    if head[4:8] == b"ftyp" and len(head) >= 12:
        return {_CANON_BRAND: RawFile, **dict.fromkeys(_AUDIO_BRANDS, NotAnImage)}.get(head[8:12], VideoFile)
    if head[4:8] in _QUICKTIME or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return VideoFile
    return _of_text(head)


def _of_text(head: bytes) -> type[ImageError]:
    small = head.removeprefix(b"\xef\xbb\xbf").lower()
    if _MARKUP.match(small):
        return WebPage
    if b"<svg" in small:
        return SvgFile
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    # The last character may be incomplete.
    text = head.decode(encoding, "ignore") if encoding == "utf-16" else _utf8(head)
    return TextFile if text and not _CONTROL.search(text) else NotAnImage


def _utf8(head: bytes) -> str:
    for cut in range(4):
        try:
            return head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            if len(head) < _HEAD:
                break
    return ""


def _is_raw(content: bytes) -> bool:
    """Whether a TIFF's first image is a camera's RAW picture, or a small preview before it."""
    order: Literal["little", "big"] = "little" if content[:1] == b"I" else "big"

    def number(place: int, length: int) -> int:
        return int.from_bytes(content[place : place + length], order)

    if content[8:10] == b"CR":
        return True
    first = number(4, 4)
    places = range(first + 2, first + 2 + 12 * min(number(first, 2), _MOST_TAGS), 12)
    # A 16-bit value is in the first two of the four bytes.
    values = {number(place, 2): number(place + 8, 2 if number(place + 2, 2) == 3 else 4) for place in places}
    return (
        _DNG_VERSION in values
        or values.get(_COMPRESSION) in _RAW_COMPRESSIONS
        or values.get(_PHOTOMETRIC) in _RAW_PHOTOMETRICS
        or (bool(values.get(_SUBFILE, 0) & 1) and _SUB_IMAGES in values)
    )
