import os
import struct

import pytest

from ml.images.formats import ACCEPT, FORMATS, SUFFIXES, detect, is_image_file
from ml.tests.factories import encode, photograph


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + brand + bytes(4) + b"".join(compatible)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_known_by_its_first_bytes(kind):
    assert detect(encode(photograph(), kind)) == kind


@pytest.mark.parametrize(
    "start", [b"", b"hello", b"B", b"BM", b"BMW and other cars", b"\0\0\0\x18ftypisom", b"RIFF\0\0\0\0WAVE"]
)
def test_other_bytes_are_no_format(start):
    assert detect(start) is None


@pytest.mark.parametrize("brands", [(b"mif1", b"heic"), (b"msf1", b"hevc"), (b"heix",), (b"mif1",), (b"hevc",)])
def test_heic_is_known_under_each_of_its_brands(brands):
    assert detect(ftyp(*brands)) == "HEIF"


@pytest.mark.parametrize("brands", [(b"avif", b"mif1"), (b"mif1", b"miaf", b"avif"), (b"msf1", b"avis"), (b"avis",)])
def test_avif_is_known_under_each_of_its_brands(brands):
    assert detect(ftyp(*brands)) == "AVIF"


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"])
def test_tiff_is_known_in_either_order_of_bytes(start):
    assert detect(start) == "TIFF"


@pytest.mark.parametrize(
    "suffix", ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "heic", "heif", "hif", "avif", "tif", "tiff"]
)
def test_suffix_tells_an_image_whatever_its_case(tmp_path, suffix):
    for name in (f"a.{suffix}", f"a.b.{suffix.upper()}", f"a.{suffix.title()}"):
        assert is_image_file(tmp_path / name)
    assert f".{suffix}" in SUFFIXES
    assert f".{suffix}" in ACCEPT.split(",")


def test_file_without_suffix_is_an_image_if_it_starts_like_one(tmp_path):
    (tmp_path / "IMG_0001").write_bytes(encode(photograph(), "JPEG"))
    (tmp_path / "README").write_text("Pictures of cats.")
    (tmp_path / "photo.txt").write_bytes(encode(photograph(), "JPEG"))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = {path.name for path in tmp_path.iterdir() if is_image_file(path)}
    assert found == {"IMG_0001"}
    assert not is_image_file(tmp_path / "lost")
