"""What pixels mean: a PNG's own words for its colours, and what stands behind transparent parts."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ml.images.colour import profile_of
from ml.images.preprocessing import decode
from ml.tests.factories import WHITE, encode, quadrants, swapped_profile

BLUE = (0, 0, 255)
GREY = (96, 96, 96)


def png(picture: Image.Image, *chunks: tuple[bytes, bytes], **options) -> bytes:
    content = encode(picture, "PNG", **options)
    added = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return content[:33] + added + content[33:]


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100_000 * value))


def cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, 1))


def shown(content: bytes) -> tuple[int, int, int]:
    return decode(content).picture.getpixel((8, 8))


def flat(colour: tuple[int, ...] | int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (16, 16), colour)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (flat((90, 0, 255)), (160, 0, 255)),
        (flat(90, "L"), (160,) * 3),
        (flat((90, 255), "LA"), (160,) * 3),
        (flat((90, 90, 90, 255), "RGBA"), (160,) * 3),
        (Image.fromarray(np.full((16, 16), 90 * 257, np.uint16)), (160,) * 3),
        (flat((90, 0, 255)).quantize(), (160, 0, 255)),
    ],
    ids=["RGB", "L", "LA", "RGBA", "16 bits", "palette"],
)
def test_gamma_of_linear_light_is_applied(picture, expected):
    image = decode(png(picture, gamma(1.0)))
    assert image.picture.getpixel((8, 8)) == pytest.approx(expected, abs=2)
    assert "colour_profile" in image.steps


@pytest.mark.parametrize("value", [0.45455, 0.45, 0.0])
def test_gamma_of_a_display_changes_nothing(value):
    image = decode(png(flat((90, 20, 200)), gamma(value)))
    assert (image.picture.getpixel((8, 8)), image.steps) == ((90, 20, 200), ())


def test_display_p3_and_bt_2020_are_wider_than_srgb():
    p3, wide = (shown(png(flat((200, 40, 40)), cicp(number, 13))) for number in (12, 9))
    assert p3 == pytest.approx((218, 0, 26), abs=3)
    assert wide[0] > p3[0]
    assert shown(png(flat((128, 128, 128)), cicp(12, 13))) == pytest.approx((128,) * 3, abs=1)


@pytest.mark.parametrize("chunk", [cicp(1, 13), cicp(9, 16), cicp(9, 18), cicp(200, 13), (b"cICP", b"")])
def test_srgb_and_what_is_not_understood_change_nothing(chunk):
    image = decode(png(flat((200, 40, 40)), chunk))
    assert (image.picture.getpixel((8, 8)), image.steps) == ((200, 40, 40), ())


def test_cicp_stands_above_gamma_and_a_profile_above_both():
    assert shown(png(flat((200, 40, 40)), cicp(1, 13), gamma(1.0))) == (200, 40, 40)
    profiled = png(flat((255, 0, 0)), cicp(12, 13), gamma(1.0), icc_profile=swapped_profile())
    assert shown(profiled) == pytest.approx(BLUE, abs=2)
    assert shown(png(flat((90, 90, 90)), gamma(1.0), (b"sRGB", b"\0"))) == (90, 90, 90)


@pytest.mark.parametrize("primaries", [(0.3,) * 8, (0.3127, 0, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), (0.0,) * 8])
def test_primaries_that_make_no_sense_are_ignored(primaries):
    assert profile_of(None, 1.0, primaries, is_grey=False) is None
    body = struct.pack(">8I", *(round(100_000 * value) for value in primaries))
    assert shown(png(flat((90, 90, 90)), (b"cHRM", body), gamma(1.0))) == (90, 90, 90)


# Backgrounds


def test_gif_whose_first_frame_is_smaller_than_its_screen_leaves_the_rest_transparent():
    frame = Image.new("P", (50, 50), 1)
    frame.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    content = encode(frame, "GIF")
    image = decode(content[:6] + struct.pack("<HH", 100, 100) + content[10:])
    assert [image.picture.getpixel(place) for place in ((10, 10), (75, 10), (75, 75))] == [BLUE, WHITE, WHITE]
    assert (image.width, image.height, image.steps) == (100, 100, ("on_white",))


def test_gif_that_fills_its_screen_is_as_it_was():
    frames = [quadrants(), Image.new("RGB", (96, 64))]
    assert decode(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])).steps == ("first_frame",)
    assert decode(encode(quadrants(), "GIF")).steps == ()


def drawing(colour: tuple[int, ...], around: int = 0) -> Image.Image:
    picture = Image.new("RGBA", (200, 200), (0, 0, 0, around))
    picture.paste(colour, (50, 50, 150, 150))
    return picture


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_white_drawing_on_nothing_can_be_seen(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encode(drawing((255, 255, 255, 255)), kind, **options))
    assert [image.picture.getpixel(place) for place in ((100, 100), (10, 10))] == [WHITE, GREY]
    assert image.steps == ("on_grey",)


@pytest.mark.parametrize(
    "picture",
    [
        drawing((255, 0, 0, 255)),
        drawing((200, 200, 200, 255)),
        drawing((0, 0, 0, 0)),
        drawing((0, 0, 0, 255)),
        Image.new("RGBA", (20, 20), WHITE),
    ],
    ids=["red", "grey", "nothing", "black", "opaque"],
)
def test_all_else_is_laid_on_white(picture):
    image = decode(encode(picture, "PNG"))
    assert (image.picture.getpixel((1, 1)), image.steps) == (WHITE, ("on_white",))


PROFILES = [b"rubbish", bytes(3000), swapped_profile()[:16] + b"CMYK" + swapped_profile()[20:]]


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_that_is_ignored_is_no_step(profile):
    assert decode(encode(quadrants(), "PNG", icc_profile=profile)).steps == ()
    assert decode(encode(quadrants(), "PNG", icc_profile=swapped_profile())).steps == ("colour_profile",)
