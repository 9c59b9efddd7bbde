"""Files from people who mean no good, made when they are needed."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

from ml.tests.factories import encode, photograph, raw_png, swapped_profile

#: A script in the languages that a file may be taken for.
SCRIPTS = {
    "html": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "php": b"<?php system($_GET['c']); ?>",
    "zip": b"PK\x05\x06" + bytes(18),
    "js": b"*/=1;alert(1);/*",
}


def every_format() -> Iterator[tuple[str, bytes]]:
    """A picture in every format that Pillow writes, in the first mode that it takes."""
    Image.init()
    for kind in sorted(Image.SAVE):
        for mode in ("RGB", "L", "P", "1", "CMYK"):
            try:
                content = encode(photograph(64, 64).convert(mode), kind)
            except Exception:  # noqa: S112 - whatever a format has against a mode
                continue
            yield kind, content
            break


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(png: bytes, chunk: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    return png[:33] + chunk + png[33:]


@cache
def bombs() -> dict[str, bytes]:
    """Small files that want to be large, long or never done."""
    small = encode(photograph(), "PNG")
    zeros = zlib.compress(bytes(30_000_000), 9)
    return {
        "png of 2 gigapixels": raw_png(50_000, 50_000, 1, 0, bytes(1000)),
        "png of 49 megapixels of nothing": raw_png(7000, 7000, 8, 2, bytes(7000 * (1 + 3 * 7000))),
        "png whose pixels never end": raw_png(100, 100, 8, 2, bytes(50_000_000)),
        "png with 30 megabytes of text": with_chunk(small, png_chunk(b"zTXt", b"a\0\0" + zeros)),
        "png with 30 megabytes of profile": with_chunk(small, png_chunk(b"iCCP", b"a\0\0" + zeros)),
        "png with 20,000 texts": with_chunk(small, png_chunk(b"tEXt", b"a\0b") * 20_000),
        "gif of 10,000 frames": gif_of_frames(10_000, 500),
        "gif whose frame is larger than it": gif_of_frames(1, 65_535),
        "webp of 268 megapixels": webp_header(16_383, 16_383),
        "webp of 10,000 frames": webp_of_frames(10_000),
        "heic of gigapixels": enlarged_heic(),
        "tiff": tiff_bomb(),
        "bmp of gigapixels": bmp_header(60_000, 60_000),
        "jpeg of gigapixels": jpeg_of_size(65_500, 65_500),
        "jpeg of 100,000 empty scans": jpeg_of_scans(100_000),
    }


def gif_of_frames(count: int, side: int) -> bytes:
    """Each frame is one colour, of the whole screen; in a few bytes."""
    screen = b"GIF89a" + struct.pack("<HHBBB", min(side, 500), min(side, 500), 0x80, 0, 0) + bytes(6)
    data = encode(Image.new("P", (500, 500)), "GIF")
    pixels = data[data.index(b",", 13) + 10 : -1]
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + pixels
    return screen + frame * count + b";"


def webp_header(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", 2) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    animation = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    chunks = b"VP8X" + struct.pack("<I", 10) + canvas + animation
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def webp_of_frames(count: int) -> bytes:
    frame = encode(Image.new("RGB", (64, 64), "teal"), "WEBP", lossless=True)[12:]
    frame = bytes(6) + (63).to_bytes(3, "little") * 2 + bytes(3) + b"\0" + frame
    frames = (b"ANMF" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) % 2)) * count
    chunks = webp_header(64, 64)[12:] + frames
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def enlarged_heic() -> bytes:
    content = bytearray(encode(photograph(), "HEIF"))
    place = content.index(b"ispe") + 8
    content[place : place + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(content)


def tiff_bomb() -> bytes:
    content = bytearray(encode(Image.new("L", (64, 64)), "TIFF"))
    first = struct.unpack("<I", content[4:8])[0]
    for place in range(first + 2, first + 2 + 12 * struct.unpack("<H", content[first : first + 2])[0], 12):
        if struct.unpack("<H", content[place : place + 2])[0] in (256, 257):
            content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 60_000)
    return bytes(content)


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(900)


def jpeg_of_size(width: int, height: int) -> bytes:
    content = bytearray(encode(photograph(), "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def jpeg_of_scans(count: int, width: int = 640, height: int = 480) -> bytes:
    """A progressive JPEG that goes over all its pixels again and again, to no effect."""
    content = encode(photograph(width, height), "JPEG", progressive=True)
    scan = content.rindex(b"\xff\xda")
    return content[:scan] + content[scan : scan + 12] * count + content[scan:]


def odd_sizes() -> dict[str, bytes]:
    """Pictures with no width, with sides that no picture has, and with very long ones."""
    sizes = [(0, 0), (0, 64), (64, 0), (2**31, 1), (1, 2**31 - 1), (2**16, 2**16)]
    return {
        **{f"png of {width} x {height}": raw_png(width, height, 8, 0, bytes(100)) for width, height in sizes},
        **{f"bmp of {w} x {h}": bmp_header(w, h) for w, h in [(0, 0), (-64, 64), (64, -(2**31)), (2**31 - 1, 1)]},
        **{f"jpeg of {w} x {h}": jpeg_of_size(w, h) for w, h in [(0, 0), (0, 64), (64, 0), (65_535, 8), (8, 65_535)]},
        "png of 8 x 200000": encode(Image.new("L", (8, 200_000)), "PNG"),
        "png of 200000 x 8": encode(Image.new("RGBA", (200_000, 8)), "PNG"),
        "gif of 0 x 0": b"GIF89a" + bytes(7) + b";",
    }


def rubbish_metadata() -> dict[str, bytes]:
    """Pictures with EXIF, XMP and profiles that are none."""
    noise = np.random.default_rng(0).bytes
    looping = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    endless = b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff\xff" + bytes(60_000)
    profile = swapped_profile()
    cases = {
        "exif of noise": {"exif": b"Exif\0\0" + noise(5000)},
        "exif that is its own part": {"exif": looping},
        "exif of 65,535 tags": {"exif": endless},
        "profile of noise": {"icc_profile": noise(50_000)},
        "profile with wrong lengths": {"icc_profile": profile[:128] + b"\xff" * 100 + profile[228:]},
        "profile of zeros": {"icc_profile": bytes(300_000)},
        "profile cut short": {"icc_profile": profile[:130]},
        "xmp of noise": {"xmp": noise(20_000)},
    }
    return {
        f"{kind} with {name}": encode(photograph(), kind, **options)
        for kind in ("JPEG", "PNG", "WEBP")
        for name, options in cases.items()
        if not (kind == "PNG" and "xmp" in options)
    }


def polyglots() -> dict[str, bytes]:
    """Pictures that are something else as well, to a program that looks for it."""
    jpeg, png, gif = (encode(photograph(), kind) for kind in ("JPEG", "PNG", "GIF"))
    made = {}
    for name, script in SCRIPTS.items():
        made[f"jpeg with {name} in a comment"] = encode(photograph(), "JPEG", comment=script)
        made[f"png with {name} in a text"] = with_chunk(png, png_chunk(b"tEXt", b"Comment\0" + script))
        for kind, content in (("jpeg", jpeg), ("png", png), ("gif", gif)):
            made[f"{kind} with {name} behind it"] = content + script
    return made


def damaged(content: bytes, positions: list[int], bits: list[int]) -> bytes:
    """The file with some of its bits turned over."""
    changed = bytearray(content)
    for position, bit in zip(positions, bits):
        changed[position % len(changed)] ^= 1 << bit
    return bytes(changed)
