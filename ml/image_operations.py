"""One random change of an image's colour or geometry: TrivialAugment (Müller and Hutter 2021)."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

#: (image, amount from -1 to 1) -> image; 0 leaves it nearly as it is.
Operation = Callable[[Image.Image, float], Image.Image]

_GREY = (128, 128, 128)
_LARGEST_ANGLE, _LARGEST_SHEAR, _LARGEST_SHIFT = 30.0, 0.3, 0.3


def change(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return copies of `images`, uint8 (N, H, W, 3), each changed by one operation.

    Operation and amount are drawn for each image; the amount is at most `strength`, from 0 to 1, either way.
    """
    which = rng.integers(0, len(OPERATIONS), len(images))
    amounts = rng.uniform(-strength, strength, len(images))
    return np.stack(
        [
            np.asarray(OPERATIONS[index](Image.fromarray(image), float(amount)))
            for image, index, amount in zip(images, which, amounts)
        ]
    )


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
