"""The pictures to upload: a small one, a phone's photograph, and a folder of your own."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SMALL, LARGE, MIX = "32 x 32 pixels", "12 megapixels", "mix of photographs"
_PHOTOGRAPHS_AT_MOST = 60
_COARSEST_CONTRAST, _FINER_CONTRAST = 50.0, 0.8
_FINEST_COLOUR = 500
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def write_inputs(folder: Path, photos: Path | None) -> dict[str, list[Path]]:
    """Create the pictures and return the files of each input; the mix needs photographs."""
    small, large = folder / "small.jpg", folder / "large.jpg"
    small.write_bytes(small_picture())
    large.write_bytes(large_picture())
    inputs = {SMALL: [small], LARGE: [large]}
    if photos:
        inputs[MIX] = photographs(photos)
    return inputs


def small_picture() -> bytes:
    """A JPEG of 32 x 32 pixels and about 1 kB."""
    return _scene(32, 32, quality=75)


def large_picture() -> bytes:
    """A JPEG of 4000 x 3000 pixels with detail at every scale, of between 3 and 4 MB."""
    return _scene(4000, 3000, quality=88)


def photographs(folder: Path) -> list[Path]:
    """At most 60 photographs, evenly sampled from a folder and its sub-folders. Raises ValueError if there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise ValueError(f"There is no photograph in {folder} (PHOTOS_DIR); put JPEG, PNG or WebP files there.")
    return found[:: -(-len(found) // _PHOTOGRAPHS_AT_MOST)]


def _scene(width: int, height: int, *, quality: int) -> bytes:
    """A reproducible JPEG of edges and grain at every scale, with less contrast at finer scales, as in photographs."""
    random = np.random.default_rng(12)
    contrast, picture = _COARSEST_CONTRAST, np.full((1, 1, 3), 128, np.float32)
    for halvings in reversed(range(min(width, height).bit_length() - 1)):
        size = width >> halvings, height >> halvings
        larger = [np.asarray(Image.fromarray(channel).resize(size)) for channel in np.moveaxis(picture, 2, 0)]
        # Colour has less detail than brightness.
        channels = 3 if max(size) < _FINEST_COLOUR else 1
        picture = np.stack(larger, axis=2) + contrast * random.standard_normal((*size[::-1], channels), np.float32)
        contrast *= _FINER_CONTRAST
    buffer = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
