"""Odd files that are whole are read; what lacks pixels is not."""

import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from ml.images.codecs import webp_still
from ml.images.codecs.jpeg_markers import survey
from ml.images.codecs.png_chunks import without_useless
from ml.images.errors import DamagedImage, ImageError, TooManyPixels
from ml.images.preprocessing import decode
from ml.tests.factories import encode, exif, photograph, quadrants, swapped_profile

END = b"\xff\xd9"


def pixels(content: bytes) -> bytes:
    return decode(content).picture.tobytes()


def is_damaged(content: bytes) -> bool:
    try:
        decode(content)
    except DamagedImage:
        return True
    return False


# JPEG

JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0, "quality": 95},
    "restarts": {"restart_marker_rows": 1},
    "optimised": {"optimize": True, "quality": 30},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("size", [(200, 150), (2400, 1600)])
def test_jpeg_that_lacks_only_its_end_marker_is_read(options, size):
    content = encode(photograph(*size), "JPEG", **options)
    assert content.endswith(END)
    assert pixels(content[:-2]) == pixels(content[:-1]) == pixels(content)


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
def test_jpeg_cut_within_its_scans_is_damaged(options):
    content = encode(photograph(320, 240), "JPEG", **options)
    start = content.index(b"\xff\xda")
    cuts = range(start, len(content) - 8, (len(content) - start) // 40)
    assert [cut for cut in cuts if not is_damaged(content[:cut])] == []


def test_progressive_jpeg_cut_between_its_scans_is_damaged():
    content = encode(photograph(320, 240), "JPEG", progressive=True)
    scans = [place for place in range(len(content)) if content.startswith(b"\xff\xda", place)]
    assert len(scans) > 5
    assert all(is_damaged(content[:scan]) for scan in scans)
    tables = content.rindex(b"\xff\xc4")
    assert is_damaged(content[:tables])


def test_jpeg_without_end_keeps_its_metadata():
    content = encode(photograph(90, 60), "JPEG", exif=exif(6), icc_profile=swapped_profile())
    image = decode(content[:-2])
    assert (image.width, image.height, image.steps) == (60, 90, ("colour_profile", "turned"))


def test_markers_tell_whether_a_jpeg_is_whole():
    content = encode(photograph(), "JPEG", progressive=True)
    assert survey(content)[1:] == (True, True)
    assert survey(content[:-2])[1:] == (False, True)
    assert survey(content[: content.rindex(b"\xff\xda")])[1:] == (False, False)
    assert survey(content[:20])[1:] == (False, False)


# PNG


def chunk(kind: bytes, content: bytes, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ wrong)


def with_chunk(added: bytes) -> bytes:
    content = encode(quadrants(), "PNG")
    return content[:33] + added + content[33:]


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"eXIf", b"iCCP", b"prVt"])
def test_wrong_checksum_of_a_chunk_that_pixels_do_not_need_is_no_damage(kind):
    assert pixels(with_chunk(chunk(kind, b"Comment\0 hello", wrong=1))) == pixels(encode(quadrants(), "PNG"))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_wrong_checksum_of_what_pixels_are_made_of_is_damage(kind):
    content = bytearray(encode(photograph().convert("P"), "PNG"))
    place = content.index(kind)
    length = int.from_bytes(content[place - 4 : place], "big")
    content[place + 4 + length] ^= 1
    assert is_damaged(bytes(content))


def test_png_with_any_amount_of_text_is_read():
    text = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(40_000_000), 9))
    assert pixels(with_chunk(text)) == pixels(encode(quadrants(), "PNG"))


def test_png_with_megabytes_of_profile_is_read_with_it():
    profile = swapped_profile()
    large = struct.pack(">I", len(profile) + 3_000_000) + profile[4:] + bytes(3_000_000)
    content = encode(quadrants(), "PNG", icc_profile=large)
    assert decode(content).picture.getpixel((4, 4)) == (0, 0, 255)


def test_png_keeps_what_tells_how_it_is_turned():
    turned = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    content = with_chunk(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + turned))
    assert without_useless(content) == content
    assert decode(content).steps == ("turned",)


def test_png_without_texts_is_left_as_it_is():
    content = encode(photograph(), "PNG", exif=exif(6))
    assert without_useless(content) is content
    for cut in range(len(content)):
        assert without_useless(content[:cut]) == content[:cut]


# BMP


def masked_bmp(
    picture: Image.Image, bits: int, masks: tuple[int, ...], *, header: int = 40, upright: bool = False
) -> bytes:
    """A BMP whose channels stand where the masks say."""
    values = np.zeros((picture.height, picture.width), np.uint32)
    for channel, mask in zip(np.moveaxis(np.asarray(picture).astype(np.uint64), -1, 0), masks):
        shift = (mask & -mask).bit_length() - 1
        values |= (np.rint(channel * (mask >> shift) / 255).astype(np.uint32)) << shift
    rows = values.astype(f"<u{bits // 8}") if upright else values.astype(f"<u{bits // 8}")[::-1]
    body = b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in rows)
    extra = struct.pack(f"<{len(masks)}I", *masks).ljust(max(header - 40, 4 * len(masks)), b"\0")
    start = 14 + 40 + len(extra)
    height = -picture.height if upright else picture.height
    info = struct.pack("<IiiHHIIiiII", header, picture.width, height, 1, bits, 3, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + extra + body


MASKS = [
    (16, (0xF00, 0xF0, 0xF)),
    (16, (0x1F, 0x7E0, 0xF800)),
    (16, (0xE0, 0x1C, 0x3)),
    (32, (0x3FF00000, 0xFFC00, 0x3FF)),
    (32, (0xFF, 0xFF00, 0xFF0000)),
]


@pytest.mark.parametrize(("bits", "masks"), MASKS)
@pytest.mark.parametrize("upright", [True, False])
def test_bmp_with_any_masks_is_read(bits, masks, upright):
    picture = quadrants(37, 20)
    shown = decode(masked_bmp(picture, bits, masks, upright=upright))
    assert (shown.format, shown.picture.size) == ("BMP", (37, 20))
    assert np.asarray(shown.picture).tolist() == np.asarray(picture).tolist()


def test_bmp_with_a_mask_for_alpha_is_transparent():
    picture = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (8, 0, 16, 16))
    content = masked_bmp(picture, 16, (0xF00, 0xF0, 0xF, 0xF000), header=108)
    shown = decode(content)
    assert shown.steps == ("on_white",)
    assert [shown.picture.getpixel((x, 4)) for x in (4, 12)] == [(255, 255, 255), (0, 0, 255)]


def test_bmp_with_masks_that_make_no_sense_or_too_few_pixels_is_damaged():
    content = masked_bmp(quadrants(), 16, (0xF00, 0xF0, 0xF))
    assert is_damaged(content[:-100])
    assert is_damaged(masked_bmp(quadrants(), 16, (0xA00, 0xF0, 0xF)))
    assert is_damaged(masked_bmp(quadrants(), 16, (0xF0000, 0xF0, 0xF)))
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, 70, 3):
            changed[place] = rng.integers(256)
        with suppress(ImageError):
            decode(bytes(changed))


# WebP


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
def test_large_webp_has_the_pixels_that_pillow_reads(monkeypatch, mode, lossless):
    picture = photograph(2500, 1700).convert(mode)
    if mode == "RGBA":
        picture.putalpha(picture.getchannel("R"))
    options = {"exif": exif(6).tobytes(), "icc_profile": swapped_profile()}
    content = encode(picture, "WEBP", lossless=lossless, method=0, **options)
    assert webp_still.large_size_of(content) == (2500, 1700)
    large = decode(content)
    monkeypatch.setattr(webp_still, "LARGE", 2500 * 1700)
    small = decode(content)
    assert large.picture.tobytes() == small.picture.tobytes()
    assert (
        (large.width, large.height, large.steps)
        == (small.width, small.height, small.steps)
        == (1700, 2500, large.steps)
    )
    assert {"turned", "colour_profile"} <= {*large.steps}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_large_webp_that_is_cut_short_is_damaged(mode):
    content = encode(photograph(2500, 1700).convert(mode), "WEBP", method=0)
    assert all(is_damaged(content[: len(content) * tenths // 10]) for tenths in range(1, 10))


def test_large_animation_is_no_still():
    frames = [Image.new("RGB", (2500, 1700), name) for name in ("red", "blue")]
    content = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0)
    assert webp_still.large_size_of(content) is None
    assert decode(content).steps == ("first_frame",)


def test_webp_of_too_many_pixels_is_refused_undecoded():
    content = encode(quadrants(2500, 1700), "WEBP", method=0)
    with pytest.raises(TooManyPixels):
        decode(content, max_pixels=2500 * 1700 - 1)
    assert webp_still.large_size_of(content[:-1000]) == (2500, 1700)
