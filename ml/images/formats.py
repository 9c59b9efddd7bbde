"""The supported file types: one list for pages, API, commands and data sets."""

from pathlib import Path
from typing import NamedTuple


class FileType(NamedTuple):
    """name: for people. extension: of stored files. suffixes: of files in this format.

    in_browsers: whether every browser shows it.
    """

    name: str
    content_type: str
    extension: str
    suffixes: tuple[str, ...]
    in_browsers: bool = True


#: By the name that Pillow has for the format. The first frame or page counts.
FORMATS: dict[str, FileType] = {
    "JPEG": FileType("JPEG", "image/jpeg", "jpg", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "PNG": FileType("PNG", "image/png", "png", (".png",)),
    "WEBP": FileType("WebP", "image/webp", "webp", (".webp",)),
    "GIF": FileType("GIF", "image/gif", "gif", (".gif",)),
    "BMP": FileType("BMP", "image/bmp", "bmp", (".bmp",)),
    "HEIF": FileType("HEIC", "image/heic", "heic", (".heic", ".heif", ".hif"), in_browsers=False),
    "AVIF": FileType("AVIF", "image/avif", "avif", (".avif",)),
    "TIFF": FileType("TIFF", "image/tiff", "tif", (".tif", ".tiff"), in_browsers=False),
}
NAMES = ", ".join(kind.name for kind in FORMATS.values())
SUFFIXES = frozenset(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
#: The `accept` attribute of file inputs: some systems know only MIME types, others only suffixes.
ACCEPT = ",".join([*(kind.content_type for kind in FORMATS.values()), *sorted(SUFFIXES)])

#: The signatures of the formats.
SIGNATURE_LENGTH = 256

#: Both byte orders, in 32 and 64 bits.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
#: Brands of ISO base media files (ISO/IEC 23008-12, AV1 Image File Format).
_BRANDS = {
    "HEIF": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"},
    "AVIF": {b"avif", b"avis"},
}
_COMMON_BRANDS = {b"mif1", b"msf1"}


def detect(start: bytes) -> str | None:
    """The key of FORMATS for a file with this beginning; None if it has another format."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if start.startswith(_TIFF):
        return "TIFF"
    return _of_brands(start) if start[4:8] == b"ftyp" else None


def is_image_file(path: str | Path) -> bool:
    """Whether a file is an image: by its suffix or, without one, by its signature. Raises no error."""
    suffix = Path(path).suffix.lower()
    if suffix:
        return suffix in SUFFIXES
    try:
        # Reading a pipe might never end.
        if not Path(path).is_file():
            return False
        with open(path, "rb") as opened:
            return detect(opened.read(SIGNATURE_LENGTH)) is not None
    except OSError:
        return False


def brands(start: bytes) -> list[bytes]:
    """The brands of an ISO base media file, the major brand first."""
    end = min(max(int.from_bytes(start[:4], "big"), 12), SIGNATURE_LENGTH)
    return [start[8:12], *(start[place : place + 4] for place in range(16, end, 4))]


def _of_brands(start: bytes) -> str | None:
    found = brands(start)
    for brand in found:
        for kind, own in _BRANDS.items():
            if brand in own:
                return kind
    return "HEIF" if _COMMON_BRANDS.intersection(found) else None
