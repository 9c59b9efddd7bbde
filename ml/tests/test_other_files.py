import gzip
import io
import zipfile

import pytest
from PIL import Image

from ml.images.codecs.other_files import refusal
from ml.images.errors import (
    ArchiveFile,
    DocumentFile,
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
from ml.images.preprocessing import decode
from ml.tests.factories import encode, photograph


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return buffer.getvalue()


def tiff(**tags: object) -> bytes:
    return encode(photograph(), "TIFF", tiffinfo={int(tag.removeprefix("t")): value for tag, value in tags.items()})


def cr2() -> bytes:
    return b"II*\0\x10\0\0\0CR\2\0" + bytes(2000)


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


FILES = {
    "PDF": (encode(photograph(), "PDF"), PdfFile),
    "PDF behind other bytes": (b"\r\n%PDF-1.4\n", PdfFile),
    "DNG": (tiff(t50706=b"\1\4\0\0"), RawFile),
    "NEF or ARW": (tiff(t254=1, t330=8), RawFile),
    "pattern of filters": (tiff(t262=32803), RawFile),
    "CR2": (cr2(), RawFile),
    "CR3": (box(b"ftyp", b"crx \0\0\0\1crx isom") + bytes(100), RawFile),
    "RAF": (b"FUJIFILMCCD-RAW 0201" + bytes(100), RawFile),
    "RW2": (b"IIU\0\x18\0\0\0" + bytes(100), RawFile),
    "ORF": (b"IIRO\x08\0\0\0" + bytes(100), RawFile),
    "MP4": (box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + bytes(100), VideoFile),
    "MOV": (box(b"ftyp", b"qt  \0\0\2\0qt  ") + bytes(100), VideoFile),
    "old MOV": (box(b"moov", bytes(100)), VideoFile),
    "WebM": (b"\x1aE\xdf\xa3" + bytes(100), VideoFile),
    "AVI": (b"RIFF\0\0\0\0AVI LIST" + bytes(100), VideoFile),
    "Photoshop": (b"8BPS\0\1" + bytes(100), PhotoshopFile),
    "JPEG XL": (b"\xff\x0a\xfa\x1f" + bytes(100), JpegXlFile),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), JpegXlFile),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', SvgFile),
    "ZIP": (zipped("cat.jpg"), ArchiveFile),
    "empty ZIP": (zipped(), ArchiveFile),
    "gzip": (gzip.compress(b"content"), ArchiveFile),
    "DOCX": (zipped("[Content_Types].xml", "word/document.xml"), DocumentFile),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), DocumentFile),
    "web page": (b"<!DOCTYPE html><title>Cat</title><svg></svg>", WebPage),
    "old web page": (b"\xef\xbb\xbf\n<!-- saved -->\n<HTML><BODY>", WebPage),
    "text": (b"This is no photograph.\n", TextFile),
    "Ukrainian text": ("Це не фото. ".encode() * 1000, TextFile),
    "text of 16 bits": ("Це не фото.".encode("utf-16"), TextFile),
    "bytes": (b"\0\1\2\3\xfe", NotAnImage),
    "audio": (box(b"ftyp", b"M4A \0\0\2\0M4A "), NotAnImage),
    "icon": (encode(photograph(), "ICO"), NotAnImage),
}


@pytest.mark.parametrize("name", FILES)
def test_file_of_another_kind_is_named(name):
    content, expected = FILES[name]
    with pytest.raises(expected):
        decode(content)


def test_every_refusal_says_what_to_do():
    for content, _error in FILES.values():
        assert any(word in str(refusal(content)) for word in ("Save", "Export", "Unpack", "Choose", "Use one"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "HEIF", "AVIF"])
def test_image_of_a_similar_format_is_accepted(kind):
    assert refusal(encode(photograph(), kind)) is None


def test_tiff_with_a_smaller_copy_of_its_first_page_is_an_image():
    assert refusal(tiff(t254=0, t330=8)) is None
    assert refusal(encode(photograph(), "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))])) is None


def test_damaged_tiff_is_no_raw_file():
    content = encode(photograph(), "TIFF")
    for cut in range(8, 300):
        assert not isinstance(refusal(content[:cut]), RawFile)
