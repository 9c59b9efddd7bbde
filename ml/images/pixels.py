"""Normalise the pixels of an opened image: sRGB, opaque, at a working size."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

#: A larger photograph is reduced to this longest side while it is decoded; networks and thumbnails need less.
WORKING_SIDE = 640
#: How much larger than the target the fast, coarse reduction leaves an image for the fine resampling.
_GAP = 3.0
#: The pixels per step for operations that would need a full copy.
_BAND_PIXELS = 1_000_000
_WHITE, _GREY = (255, 255, 255), (96, 96, 96)
#: Of 255: the least alpha of a visible pixel and the least light of a white one. The share of a white image.
_SEEN, _NEARLY_WHITE, _NEARLY_ALL = 64, 225, 0.98
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_working_picture(image: Image.Image) -> tuple[Image.Image, set[str]]:
    """Return the image as RGB in sRGB, opaque, at most 640 pixels on its longest side; and which steps that took.

    Transparent parts become white ("on_white"), or grey where all that is seen is white ("on_grey"); "colour_profile"
    is a step only if the profile fits the image. Errors of codecs on broken images are passed on, MemoryError
    too.
    """
    profile, is_grey = image.info.get("icc_profile"), image.mode in ("L", "LA") or image.mode.startswith("I")
    small = _to_working_size(image)
    converted = _to_srgb(small, profile, is_grey) if profile else None
    steps = {"colour_profile"} if converted else set()
    return _on_background(converted or small, steps)


def _to_working_size(image: Image.Image) -> Image.Image:
    """Return the image in a mode of 8-bit channels (L, RGB, RGBA or CMYK), at 640 pixels at most."""
    if image.has_transparency_data:
        # Before resampling, which would blur a transparent colour into others.
        image = _shrunk_in_bands(image, lambda band: _rgba(band).convert("RGBa"), "RGBa", _rgba).convert("RGBA")
    elif image.mode == "RGBX":
        image = _shrunk_in_bands(image, _rgb, "RGB", _rgb)
    elif image.mode.startswith("I"):
        image = _in_bands(image, _sixteen_bits_to_eight, "L")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BICUBIC, reducing_gap=_GAP)
    return image


def _shrunk_in_bands(
    image: Image.Image, prepare: Callable[[Image.Image], Image.Image], mode: str, small: Callable
) -> Image.Image:
    """Return a large image as a thumbnail in `mode`, applying `prepare` to some rows at a time.

    The result equals the thumbnail of the whole image to the pixel, without the memory for two more copies of it.
    A small image is returned as `small` converts it.
    """
    size = _fitting(image.size)
    factor = (int(image.width / size[0] / _GAP) or 1, int(image.height / size[1] / _GAP) or 1)
    if max(factor) == 1:
        return small(image)
    reduced = _in_bands(image, lambda band: prepare(band).reduce(factor), mode, factor)
    box = (0, 0, image.width / factor[0], image.height / factor[1])
    return reduced.resize(size, Image.Resampling.BICUBIC, box)


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """The size that `Image.thumbnail` makes of a larger one."""
    width, height = size
    if max(size) <= WORKING_SIDE:
        return size
    aspect, whole = width / height, range(1, WORKING_SIDE + 1)
    if aspect <= 1:
        return min(whole, key=lambda side: abs(aspect - side / WORKING_SIDE)), WORKING_SIDE
    return WORKING_SIDE, min(whole, key=lambda side: abs(aspect - WORKING_SIDE / side))


def _in_bands(
    image: Image.Image,
    change: Callable[[Image.Image], Image.Image],
    mode: str,
    factor: tuple[int, int] = (1, 1),
) -> Image.Image:
    """Apply `change`, which reduces the image by `factor`, to some rows at a time."""
    changed = Image.new(mode, (-(-image.width // factor[0]), -(-image.height // factor[1])))
    rows = factor[1] * max(_BAND_PIXELS // (image.width * factor[1]), 1)
    for top in range(0, image.height, rows):
        band = change(image.crop((0, top, image.width, min(top + rows, image.height))))
        changed.paste(band, (0, top // factor[1]))
        changed.info = band.info
    return changed


def _rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def _rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _sixteen_bits_to_eight(image)
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _sixteen_bits_to_eight(image: Image.Image) -> Image.Image:
    """Return grey of 16 bits as L, or as RGBA when one grey is transparent; Pillow's own conversion clips at 255."""
    values = np.asarray(image).clip(0, 65535)
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    opaque = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, opaque)).convert("RGBA")


def _to_srgb(image: Image.Image, profile: bytes, is_grey: bool) -> Image.Image | None:
    """Turn the file's colour profile into sRGB; None if it does not fit its image.

    is_grey: whether the file's pixels are grey; `image` no longer shows that once it has an alpha channel.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if is_grey and image.mode == "RGBA" and source.profile.xcolor_space.strip() == "GRAY":
            grey = ImageCms.profileToProfile(image.getchannel("R"), source, _SRGB, outputMode="RGB")
            return grey and Image.merge("RGBA", (*grey.split(), image.getchannel("A")))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _on_background(image: Image.Image, steps: set[str]) -> tuple[Image.Image, set[str]]:
    """Return the image as opaque RGB, and the steps including this one."""
    if not image.has_transparency_data:
        return (image if image.mode == "RGB" else image.convert("RGB")), steps
    image = image.convert("RGBA")
    step, colour = ("on_grey", _GREY) if _is_white(image) else ("on_white", _WHITE)
    background = Image.new("RGB", image.size, colour)
    background.paste(image, mask=image.getchannel("A"))
    return background, steps | {step}


def _is_white(image: Image.Image) -> bool:
    """Whether the visible part of a transparent image is almost white."""
    alpha = np.asarray(image.getchannel("A"))
    seen = np.asarray(image.convert("RGB").convert("L"))[alpha >= _SEEN]
    return 0 < seen.size < alpha.size and float(np.mean(seen >= _NEARLY_WHITE)) > _NEARLY_ALL
