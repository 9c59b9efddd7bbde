"""Random changes of colour, sharpness and geometry, image by image; one at a time is TrivialAugment (Müller and
Hutter 2021)."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

#: (image, amount from -1 to 1) -> image; 0 changes almost nothing.
Operation = Callable[[Image.Image, float], Image.Image]

_GREY = (128, 128, 128)
_LARGEST_ANGLE, _LARGEST_SHEAR, _LARGEST_SHIFT = 30.0, 0.3, 0.3
_BEST_QUALITY = 95


def change(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return copies of `images`, uint8 (N, H, W, 3), each changed by one operation.

    Operation and amount are drawn for each image; the amount lies between -`strength` and `strength`, at most 1.
    """
    which = rng.integers(0, len(OPERATIONS), len(images))
    amounts = rng.uniform(-strength, strength, len(images))
    return np.stack(
        [
            np.asarray(OPERATIONS[index](Image.fromarray(image), float(amount)))
            for image, index, amount in zip(images, which, amounts)
        ]
    )


def recolour(images: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Return copies whose brightness, contrast and saturation are each scaled by 1 - `fraction` to 1 + `fraction`."""
    factors = rng.uniform(1 - fraction, 1 + fraction, (len(images), 3))
    changed = np.empty_like(images)
    for index, (brightness, contrast, saturation) in enumerate(factors):
        picture = ImageEnhance.Brightness(Image.fromarray(images[index])).enhance(brightness)
        picture = ImageEnhance.Contrast(picture).enhance(contrast)
        changed[index] = ImageEnhance.Color(picture).enhance(saturation)
    return changed


def blur(images: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return copies, each blurred by a Gaussian of up to `radius` pixels."""
    return np.stack(
        [
            np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(float(own))))
            for image, own in zip(images, rng.uniform(0, radius, len(images)))
        ]
    )


def recode(images: np.ndarray, lowest_quality: int, rng: np.random.Generator) -> np.ndarray:
    """Return copies, about half of them recompressed as JPEG at a quality from `lowest_quality` to 95."""
    chosen = np.flatnonzero(rng.random(len(images)) < 0.5)
    changed = images.copy()
    for index, quality in zip(chosen, rng.integers(lowest_quality, _BEST_QUALITY + 1, len(chosen))):
        stream = io.BytesIO()
        Image.fromarray(images[index]).save(stream, "JPEG", quality=int(quality))
        changed[index] = np.asarray(Image.open(stream))
    return changed


def _enhance(kind: type) -> Operation:
    return lambda image, amount: kind(image).enhance(1 + 0.9 * amount)


def _posterize(image: Image.Image, amount: float) -> Image.Image:
    return ImageOps.posterize(image, 8 - round(6 * abs(amount)))


def _solarize(image: Image.Image, amount: float) -> Image.Image:
    return ImageOps.solarize(image, round(256 * (1 - abs(amount))))


def _rotate(image: Image.Image, amount: float) -> Image.Image:
    return image.rotate(_LARGEST_ANGLE * amount, Image.Resampling.BILINEAR, fillcolor=_GREY)


def _affine(coefficients: Callable[[float, Image.Image], tuple[float, ...]]) -> Operation:
    def operation(image: Image.Image, amount: float) -> Image.Image:
        return image.transform(
            image.size,
            Image.Transform.AFFINE,
            coefficients(amount, image),
            Image.Resampling.BILINEAR,
            fillcolor=_GREY,
        )

    return operation


def _shear_x(amount: float, image: Image.Image) -> tuple[float, ...]:
    lean = _LARGEST_SHEAR * amount
    return 1, lean, -lean * image.height / 2, 0, 1, 0


def _shear_y(amount: float, image: Image.Image) -> tuple[float, ...]:
    lean = _LARGEST_SHEAR * amount
    return 1, 0, 0, lean, 1, -lean * image.width / 2


def _shift_x(amount: float, image: Image.Image) -> tuple[float, ...]:
    return 1, 0, round(_LARGEST_SHIFT * amount * image.width), 0, 1, 0


def _shift_y(amount: float, image: Image.Image) -> tuple[float, ...]:
    return 1, 0, 0, 0, 1, round(_LARGEST_SHIFT * amount * image.height)


OPERATIONS: tuple[Operation, ...] = (
    lambda image, amount: image,
    lambda image, amount: ImageOps.autocontrast(image),
    lambda image, amount: ImageOps.equalize(image),
    _enhance(ImageEnhance.Brightness),
    _enhance(ImageEnhance.Color),
    _enhance(ImageEnhance.Contrast),
    _enhance(ImageEnhance.Sharpness),
    _posterize,
    _solarize,
    _rotate,
    _affine(_shear_x),
    _affine(_shear_y),
    _affine(_shift_x),
    _affine(_shift_y),
)
