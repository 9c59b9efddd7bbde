import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from ml.images.errors import (
    DamagedImage,
    EmptyFile,
    ImageError,
    NotAnImage,
    SvgFile,
    TextFile,
    TooDeep,
    TooManyParts,
    TooManyPixels,
    TooSmall,
)
from ml.images.formats import FORMATS
from ml.images.preprocessing import DecodedImage, Framing, decode, to_input, to_thumbnail
from ml.tests.factories import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    YELLOW,
    encode,
    exif,
    linear_grey_profile,
    photograph,
    quadrants,
    raw_png,
    swapped_profile,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

CODECS = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "GIF": {},
    "BMP": {},
    "HEIF": {"quality": 95},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {},
}


def corners(picture: Image.Image) -> list[tuple[int, int, int]]:
    """Colours near the corners, left to right and top to bottom, rounded to what `quadrants` is made of."""
    width, height = picture.size
    points = [(x, y) for y in (height // 8, height * 7 // 8) for x in (width // 8, width * 7 // 8)]
    return [tuple(255 if value > 220 else 0 if value < 35 else value for value in picture.getpixel(p)) for p in points]


def colour(content: bytes) -> tuple[int, int, int]:
    return decode(content).picture.getpixel((4, 4))


def answer(content: bytes) -> DecodedImage | ImageError:
    """What `decode` says; anything that it raises beside an ImageError fails the test."""
    try:
        return decode(content)
    except ImageError as error:
        return error


# Formats


@pytest.mark.parametrize("kind", CODECS)
def test_every_format_is_decoded_by_its_bytes(kind):
    image = decode(encode(quadrants(), kind, **CODECS[kind]))
    assert (image.format, image.width, image.height) == (kind, 96, 64)
    assert (image.content_type, image.extension) == (FORMATS[kind].content_type, FORMATS[kind].extension)
    assert (image.picture.mode, image.picture.size) == ("RGB", (96, 64))
    assert corners(image.picture) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation_counts(kind):
    frames = [Image.new("RGB", (20, 20), name) for name in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    assert colour(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)) == RED


def test_camera_files_with_a_second_picture_count_as_jpeg():
    content = encode(quadrants(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))], quality=95)
    assert Image.open(io.BytesIO(content)).format == "MPO"
    image = decode(content)
    assert (image.format, image.extension, corners(image.picture)) == ("JPEG", "jpg", [RED, GREEN, BLUE, YELLOW])


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "JPEG2000"])
def test_other_formats_are_refused(kind):
    with pytest.raises(NotAnImage):
        decode(encode(quadrants(64, 64), kind))


# Modes


def two_tone(mode: str) -> Image.Image:
    picture = Image.new("L", (16, 16), 0)
    picture.paste(255, (0, 0, 8, 16))
    return picture.convert(mode)


def grey_16(value: int) -> Image.Image:
    return Image.fromarray(np.full((16, 16), value, np.uint16))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_png_becomes_rgb(mode):
    picture = decode(encode(two_tone(mode), "PNG")).picture
    assert (picture.mode, picture.getpixel((4, 4)), picture.getpixel((12, 4))) == ("RGB", WHITE, (0, 0, 0))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_become_rgb(mode):
    expected = {"L": (76, 76, 76), "CMYK": (254, 0, 0)}[mode]
    assert colour(encode(Image.new("RGB", (16, 16), "red").convert(mode), "JPEG", quality=95)) == pytest.approx(
        expected, abs=3
    )


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (0x8000, 0x80), (0xFFFF, 0xFF), (300, 1)])
def test_sixteen_bits_of_grey_are_scaled_not_clipped(value, expected):
    assert colour(encode(grey_16(value), "PNG")) == (expected,) * 3


@pytest.mark.parametrize(
    ("colour_type", "samples", "expected"),
    [(2, (0x8000, 0x4000, 0xFFFF), (128, 64, 255)), (4, (0x8000, 0xFFFF), (128,) * 3), (4, (0, 0), WHITE)],
    ids=["RGB", "grey and alpha", "transparent"],
)
def test_sixteen_bits_of_colour_and_alpha_are_scaled(colour_type, samples, expected):
    row = b"\0" + np.tile(np.array(samples, ">u2"), 16).tobytes()
    assert colour(raw_png(16, 16, 16, colour_type, row * 16)) == expected


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("RGBA", (16, 16), (255, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (16, 16), (255, 0, 0, 128)), (255, 127, 127)),
        (Image.new("RGBA", (16, 16), (255, 0, 0, 255)), RED),
        (Image.new("LA", (16, 16), (0, 128)), (127, 127, 127)),
    ],
    ids=["transparent", "half", "opaque", "grey"],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_laid_on_white(kind, picture, expected):
    assert colour(encode(picture, kind, **CODECS[kind])) == expected


@pytest.mark.parametrize(
    ("picture", "key"),
    [
        (two_tone("1"), 255),
        (two_tone("L"), 255),
        (two_tone("P"), 255),
        (two_tone("RGB"), WHITE),
        (two_tone("P"), bytes([255] * 255 + [0])),
    ],
    ids=["1", "L", "P", "RGB", "P with alphas"],
)
def test_a_transparent_colour_becomes_white(picture, key):
    dark = picture.point(lambda value: 200 if value else 0) if picture.mode in ("L", "RGB") else picture
    key = {255: 200, WHITE: (200,) * 3}.get(key, key) if dark is not picture else key
    shown = decode(encode(dark, "PNG", transparency=key)).picture
    assert (shown.getpixel((4, 4)), shown.getpixel((12, 4))) == (WHITE, (0, 0, 0))


def test_a_transparent_grey_of_sixteen_bits_becomes_white():
    assert colour(encode(grey_16(5), "PNG", transparency=5)) == WHITE
    assert colour(encode(grey_16(5), "PNG", transparency=6)) == (0, 0, 0)


def test_a_transparent_colour_is_not_blurred_into_its_surroundings():
    striped = np.zeros((1280, 1280, 3), np.uint8)
    striped[::2] = 255
    assert colour(encode(Image.fromarray(striped), "PNG", transparency=(0, 0, 0))) == WHITE


def test_a_transparent_colour_stays_so_under_a_colour_profile():
    black = encode(Image.new("RGB", (16, 16)), "PNG", transparency=(0, 0, 0), icc_profile=swapped_profile())
    assert colour(black) == WHITE


def test_large_transparent_pictures_are_reduced_in_parts_as_they_would_be_whole():
    rng = np.random.default_rng(0)
    for width, height in ((4100, 900), (700, 5000), (9000, 12)):
        patches = Image.fromarray(rng.integers(0, 256, (height // 6, width // 6, 4), dtype=np.uint8))
        whole = patches.resize((width, height))
        content = encode(whole, "PNG", compress_level=1)
        whole.thumbnail((640, 640), Image.Resampling.BICUBIC, reducing_gap=3.0)
        expected = Image.new("RGB", whole.size, "white")
        expected.paste(whole, mask=whole.getchannel("A"))
        assert decode(content).picture.tobytes() == expected.tobytes()


# TIFF


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"])
def test_compressed_tiffs_are_read(compression):
    assert corners(decode(encode(quadrants(), "TIFF", compression=compression)).picture) == [RED, GREEN, BLUE, YELLOW]


def test_faxed_page_is_read():
    picture = decode(encode(two_tone("1"), "TIFF", compression="group4")).picture
    assert (picture.getpixel((4, 4)), picture.getpixel((12, 4))) == (WHITE, (0, 0, 0))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr"])
def test_every_mode_of_tiff_becomes_rgb(mode):
    picture = two_tone("RGB")
    if mode == "LAB":
        profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
        picture = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
    shown = decode(encode(picture.convert(mode), "TIFF")).picture
    assert shown.mode == "RGB"
    assert np.asarray(shown)[:, (4, 12), 0].mean(0) == pytest.approx([255, 0], abs=3)


def test_first_page_of_a_tiff_counts():
    pages = [Image.new("RGB", (20, 20), name) for name in ("red", "blue")]
    image = decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert (image.picture.getpixel((4, 4)), image.steps) == (RED, ("first_frame",))


@pytest.mark.parametrize(("photometric", "expected"), [(0, 255 - 0x80), (1, 0x80)])
def test_sixteen_bits_of_a_tiff_are_scaled_whichever_way_they_count(photometric, expected):
    content = encode(grey_16(0x8000), "TIFF", tiffinfo={262: photometric})
    assert colour(content) == (expected,) * 3


@pytest.mark.parametrize("mode", ["I", "F"])
def test_tiff_of_32_bits_is_named(mode):
    with pytest.raises(TooDeep, match="8 or 16 bits"):
        decode(encode(two_tone("L").convert(mode), "TIFF"))


# Orientation

#: EXIF orientation -> the stored rows and columns of an upright picture (CIPA DC-008, tag 0x0112).
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [("JPEG", 96, 64), ("JPEG", 2400, 1500), ("PNG", 96, 64), ("WEBP", 96, 64), ("AVIF", 96, 64), ("TIFF", 96, 64)],
)
def test_every_orientation_is_turned_upright(kind, width, height, orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(quadrants(width, height)))))
    image = decode(encode(stored, kind, **CODECS[kind], exif=exif(orientation)))
    assert (image.width, image.height) == (width, height)
    assert image.picture.width / image.picture.height == pytest.approx(width / height, rel=0.01)
    assert corners(image.picture) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("orientation", STORED)
def test_heic_is_turned_upright_once(orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(quadrants()))))
    # Given as bytes, pillow_heif writes the turn where HEIF has it, in the picture's properties.
    image = decode(encode(stored, "HEIF", quality=95, exif=exif(orientation).tobytes()))
    assert (image.width, image.height) == image.picture.size == (96, 64)
    assert corners(image.picture) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(
    "damaged",
    [
        b"Exif\0\0rubbish",
        b"Exif\0\0",
        exif(6).tobytes()[:-9],
        b"Exif\0\0MM\0*" + b"\xff" * 40,
        exif(9).tobytes(),
        exif(0).tobytes(),
        exif(60_000).tobytes(),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_ignored(kind, damaged):
    image = decode(encode(quadrants(), kind, **CODECS[kind], exif=damaged))
    assert corners(image.picture) == [RED, GREEN, BLUE, YELLOW]


# Colour profiles


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_colour_profile_is_turned_into_srgb(kind):
    image = decode(encode(quadrants(), kind, **CODECS[kind], icc_profile=swapped_profile()))
    red, green, blue, _ = corners(image.picture)
    assert (red, green, blue) == (BLUE, GREEN, RED)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_profile_is_turned_into_srgb(mode):
    grey = Image.new("L", (16, 16), 90)
    images = {
        "L": grey,
        "LA": Image.merge("LA", (grey, Image.new("L", grey.size, 255))),
        "I;16": Image.fromarray(np.full((16, 16), 90 * 257, np.uint16)),
    }
    content = encode(images[mode], "PNG", icc_profile=linear_grey_profile())
    assert decode(content).picture.getpixel((8, 8)) == pytest.approx((160, 160, 160), abs=1)


def test_alpha_survives_a_colour_profile():
    half = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    assert colour(encode(half, "PNG", icc_profile=swapped_profile())) == pytest.approx((127, 127, 255), abs=1)


@pytest.mark.parametrize(
    "profile",
    [
        b"rubbish",
        swapped_profile()[:200],
        bytes(3000),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        swapped_profile()[:16] + b"CMYK" + swapped_profile()[20:],
        swapped_profile()[:16] + b"GRAY" + swapped_profile()[20:],
    ],
    ids=["rubbish", "short", "zeros", "Lab", "CMYK", "grey"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_profile_that_does_not_fit_is_ignored(kind, profile):
    image = decode(encode(quadrants(), kind, **CODECS[kind], icc_profile=profile))
    assert corners(image.picture) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_rgb_profile_on_another_mode_is_ignored(mode):
    picture = Image.new("RGB", (16, 16), "white").convert(mode)
    assert colour(encode(picture, "JPEG", quality=95, icc_profile=swapped_profile())) == pytest.approx(WHITE, abs=2)


# Sizes


def test_picture_of_the_networks_size_reaches_it_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(to_input(decode(encode(Image.fromarray(pixels), "PNG")).picture, 32, 32), pixels)


@pytest.mark.parametrize(("width", "height"), [(8, 8), (31, 33), (640, 10), (10, 640), (3000, 9)])
def test_input_is_the_whole_picture_squashed(width, height):
    pixels = to_input(decode(encode(quadrants(width, height), "PNG")).picture, 32, 24)
    assert (pixels.shape, pixels.dtype) == ((32, 24, 3), np.uint8)
    assert corners(Image.fromarray(pixels)) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_file_gives_the_input_that_its_full_decoding_gives(kind):
    content = encode(photograph(3000, 2000), kind)
    full = Image.open(io.BytesIO(content)).resize((32, 32), Image.Resampling.BICUBIC)
    image = decode(content)
    assert (image.width, image.height, image.picture.size) == (3000, 2000, (640, 427))
    assert np.abs(to_input(image.picture, 32, 32).astype(int) - np.asarray(full)).max() <= 4


@pytest.mark.parametrize(("width", "height"), [(2000, 1000), (100, 900), (30, 20), (8, 4000)])
def test_thumbnail_fits_its_square_and_is_never_enlarged(width, height):
    thumbnail = Image.open(io.BytesIO(to_thumbnail(decode(encode(quadrants(width, height), "PNG")).picture)))
    scale = min(1, 320 / max(width, height))
    assert thumbnail.format == "JPEG"
    assert thumbnail.size == pytest.approx((max(width * scale, 1), max(height * scale, 1)), abs=1)
    assert max(thumbnail.size) <= 320


@pytest.mark.parametrize("profile", [None, swapped_profile()], ids=["no profile", "profile"])
@pytest.mark.parametrize("width", [96, 2000])
def test_thumbnail_carries_nothing_of_the_uploads_metadata(width, profile):
    tags = exif(1)
    tags[0x010F] = "Secret camera"
    options = {"exif": tags, "icc_profile": profile, "comment": b"Secret note", "dpi": (72, 72)}
    picture = decode(encode(photograph(width, 1000), "JPEG", **options, xmp=b"Secret place")).picture
    thumbnail = to_thumbnail(picture)
    opened = Image.open(io.BytesIO(thumbnail))
    assert b"Secret" not in thumbnail
    assert not opened.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp", "dpi"} & set(opened.info)


def test_making_a_thumbnail_leaves_the_picture():
    picture = decode(encode(quadrants(600, 400), "PNG")).picture
    to_thumbnail(picture)
    assert picture.size == (600, 400)


# Refusals


def test_empty_file_is_named():
    with pytest.raises(EmptyFile, match="empty"):
        decode(b"")


@pytest.mark.parametrize(
    "content",
    [b"\0", b"BM\0\0", b"\xff" * 5000, b"hello\0", b"\0\0\0\x20ftypM4A "],
)
def test_other_content_is_refused_with_the_supported_formats(content):
    with pytest.raises(NotAnImage, match=r"not supported\. Use one of these: JPEG, PNG, WebP, GIF, BMP, HEIC"):
        decode(content)


@pytest.mark.parametrize("start", [b"", b'<?xml version="1.0"?>\n<!-- drawn -->\n', b"\xef\xbb\xbf"])
def test_svg_is_named(start):
    with pytest.raises(SvgFile, match="Save it as PNG"):
        decode(start + b'<svg xmlns="http://www.w3.org/2000/svg"/>')


@pytest.mark.parametrize("kind", CODECS)
def test_file_cut_anywhere_is_refused(kind):
    content = encode(photograph(), kind, **CODECS[kind])
    cuts = {*range(1, 64), *range(64, len(content) * 9 // 10, len(content) // 60)}
    answers = {type(answer(content[:cut])) for cut in cuts}
    assert answers <= {DamagedImage, NotAnImage, TextFile}
    assert DamagedImage in answers


@pytest.mark.parametrize("kind", CODECS)
def test_file_that_lacks_its_end_is_damaged(kind):
    content = encode(photograph(), kind, **CODECS[kind])
    with pytest.raises(DamagedImage, match="incomplete"):
        decode(content[: len(content) // 2])


def test_large_jpeg_cut_anywhere_is_damaged():
    content = encode(photograph(2400, 1600), "JPEG")
    answers = {type(answer(content[: len(content) * tenths // 10])) for tenths in range(1, 10)}
    assert answers == {DamagedImage}


@pytest.mark.parametrize("side", [8_000, 60_000])
def test_decompression_bomb_is_refused_before_it_is_decoded(side):
    """60,000 x 60,000 is beyond the limit at which Pillow itself refuses."""
    rows = zlib.compress(bytes(1000))  # Far too few: decoding them would be called damage.
    bomb = raw_png(side, side, 1, 0, rows)
    with pytest.raises(TooManyPixels, match="50 megapixels") as caught:
        decode(bomb)
    assert caught.value.values == {"limit": 50}


@pytest.mark.parametrize("kind", CODECS)
def test_pixel_limit_is_the_callers_to_set_and_inclusive(kind):
    content = encode(quadrants(), kind, **CODECS[kind])
    assert decode(content, max_pixels=96 * 64).width == 96
    with pytest.raises(TooManyPixels):
        decode(content, max_pixels=96 * 64 - 1)


@pytest.mark.parametrize(("width", "height"), [(7, 100), (100, 7), (1, 1)])
def test_picture_under_eight_pixels_is_refused(width, height):
    with pytest.raises(TooSmall, match=f"{width} x {height}") as caught:
        decode(encode(Image.new("RGB", (width, height)), "PNG"))
    assert caught.value.values == {"width": width, "height": height, "limit": 8}


@pytest.mark.parametrize(
    "signature",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\0\0\1\0WEBPVP8 ",
        b"BM",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x18ftypavif",
        b"II*\0\x08\0\0\0",
    ],
    ids=CODECS,
)
def test_signature_with_noise_behind_it_is_refused(signature):
    rng = np.random.default_rng(0)
    for length in (0, 1, 10, 100, 5_000):
        assert isinstance(answer(signature + rng.bytes(length)), ImageError)


@pytest.mark.parametrize("kind", [*CODECS, "MPO"])
def test_flipped_bits_give_a_picture_or_a_named_error(kind):
    rng = np.random.default_rng(1)
    options = CODECS.get(kind, {})
    if kind not in ("GIF", "BMP"):
        options = {**options, "exif": exif(6), "icc_profile": swapped_profile()}
    content = encode(photograph(48, 32), kind, **options)
    for _ in range(150):
        damaged = bytearray(content)
        # Most of what a decoder believes stands at the beginning.
        for position in rng.integers(0, rng.choice([64, 1024, len(content)]), rng.integers(1, 8)):
            damaged[position % len(content)] ^= 1 << rng.integers(8)
        said = answer(bytes(damaged))
        if isinstance(said, DecodedImage):
            assert to_input(said.picture, 32, 32).shape == (32, 32, 3)
            assert to_thumbnail(said.picture)


def test_every_error_has_its_own_code_and_figures_that_serialize():
    errors = [error for error in ImageError.__subclasses__() if error.__module__ == ImageError.__module__]
    assert len({error.code for error in errors}) == len(errors) == 18
    assert json.dumps(TooSmall(width=1, height=2, limit=8).values)


@pytest.mark.parametrize(
    ("framing", "box"),
    [
        (Framing(), (0, 0, 200, 100)),
        (Framing(squareness=1), (50, 0, 150, 100)),
        (Framing(squareness=0.5), (25, 0, 175, 100)),
        (Framing(margin=0.2), (20, 10, 180, 90)),
        (Framing(squareness=1, margin=0.1), (55, 5, 145, 95)),
    ],
)
def test_framing_cuts_as_much_on_either_side(framing, box):
    assert framing.box((200, 100), (32, 32)) == pytest.approx(box)
    left, upper, right, lower = box
    assert framing.box((100, 200), (32, 32)) == pytest.approx((upper, left, lower, right))


def test_framing_keeps_the_proportions_of_an_oblong_input():
    assert Framing(squareness=1).box((225, 226), (224, 224))[0] >= 0
    assert Framing(squareness=1).box((200, 200), (64, 32)) == pytest.approx((0, 50, 200, 150))


def test_input_shows_what_the_framing_leaves():
    picture = quadrants(200, 100)
    whole, middle = to_input(picture, 10, 10), to_input(picture, 10, 10, Framing(squareness=1, margin=0.5))
    assert whole[0, 0].tolist() == middle[0, 0].tolist() == list(RED)
    side_by_side = Image.new("RGB", (200, 100), RED)
    side_by_side.paste(BLUE, (50, 0, 150, 100))
    assert (to_input(side_by_side, 10, 10, Framing(squareness=1))[:, 1:-1] == BLUE).all()


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((4000, 3000), (500, 375)), ((1800, 1200), (450, 300)), ((1300, 650), (640, 320)), ((500, 400), (500, 400))],
)
def test_photograph_is_decoded_as_small_as_the_decoder_can_while_enough_is_left(size, decoded):
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "JPEG")
    image = decode(buffer.getvalue())
    assert (image.picture.size, (image.width, image.height)) == (decoded, size)


def test_a_png_may_hold_megabytes_of_compressed_text():
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 1_100_000, zip=True)
    assert decode(encode(quadrants(), "PNG", pnginfo=text)).format == "PNG"


def _crowded(what: str) -> bytes:
    whole = encode(quadrants(), "JPEG", progressive=True)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    return {
        "scans": whole[:-2] + last_scan * 1000 + whole[-2:],
        "comments": whole[:2] + b"\xff\xfe\0\2" * 1_000_000 + whole[2:],
        "filling": whole[:2] + b"\xff" * 19_000_000 + whole[2:],
        "nothing but filling": whole[:2] + b"\xff" * 19_000_000,
    }[what]


@pytest.mark.parametrize("what", ["scans", "comments", "filling", "nothing but filling"])
def test_a_jpeg_of_too_many_parts_is_refused_before_it_is_decoded(what):
    with pytest.raises(TooManyParts):
        decode(_crowded(what))


def test_a_jpeg_may_have_many_scans_or_many_pixels_but_not_both():
    whole = encode(Image.new("L", (7000, 7000)), "JPEG", progressive=True)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    assert decode(whole[:-2] + last_scan * 20 + whole[-2:]).width == 7000
    with pytest.raises(TooManyParts):
        decode(whole[:-2] + last_scan * 30 + whole[-2:])
    small = encode(Image.new("L", (700, 700)), "JPEG", progressive=True)
    assert decode(small[:-2] + small[small.rindex(b"\xff\xda") : -2] * 150 + small[-2:]).width == 700


def bmp_of_runs(width: int, height: int, runs: bytes) -> bytes:
    palette = bytes((0, 0, 0, 0, 255, 0, 0, 0))
    start = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + palette + runs


def test_a_bmp_of_run_lengths_is_read_within_bounds():
    picture = decode(bmp_of_runs(16, 16, (b"\x08\0\x08\1\0\0") * 16)).picture
    assert [picture.getpixel(place) for place in ((4, 4), (12, 4))] == [(0, 0, 0), BLUE]
    with pytest.raises(TooManyPixels, match="4 megapixels"):
        decode(bmp_of_runs(7000, 7000, b"\0\0" * 7000))
    with pytest.raises(TooManyParts):
        decode(bmp_of_runs(100, 100, b"\0\2\0\0" * 1_000_000))
