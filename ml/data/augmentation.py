"""Random changes to training images, on the CPU, in a few microseconds an image."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.images import operations as image_operations


@dataclass(frozen=True)
class Augmentation:
    """The random changes of training images; zero in a field turns that change off.

    rotation_degrees: largest rotation either way.
    shift_fraction: largest shift along each axis, as a part of the side.
    zoom_fraction: the object is scaled by a factor drawn from 1 - zoom to 1 + zoom.
    stretch_fraction: it is stretched one way by up to this, as a part of its side, and pressed the other way.
    horizontal_flip: mirror half of the images.
    alternating_flip: mirror every image in every second epoch, half of the images in the even ones, which shows each
        image both ways in any two epochs (Jordan 2024); `ml.training.batches` does it, which knows epoch and image.
    colour_fraction: brightness, contrast and saturation are each scaled by a factor from 1 - this to 1 + this.
    random_operation: largest strength, from 0 to 1, of one operation of colour or geometry (`ml.images.operations`).
    blur_radius: largest radius of a Gaussian blur, in pixels.
    jpeg_quality: half of the images are recompressed as JPEG, at a quality from this value to 95.
    cutout_fraction: side of one grey square laid at a random place, as a part of the side (DeVries and Taylor 2017).
    """

    rotation_degrees: float = 0.0
    shift_fraction: float = 0.0
    zoom_fraction: float = 0.0
    stretch_fraction: float = 0.0
    horizontal_flip: bool = False
    alternating_flip: bool = False
    colour_fraction: float = 0.0
    random_operation: float = 0.0
    blur_radius: float = 0.0
    jpeg_quality: int = 0
    cutout_fraction: float = 0.0

    def apply(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return changed copies of `images`, uint8 of shape (N, H, W, 3), padded by reflection."""
        if self.rotation_degrees or self.zoom_fraction or self.stretch_fraction:
            images = self._warp(images, rng)
        elif self.shift_fraction:
            images = self._crop(images, rng)
        if self.horizontal_flip:
            mirrored = rng.random(len(images)) < 0.5
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        if self.colour_fraction:
            images = image_operations.recolour(images, self.colour_fraction, rng)
        if self.random_operation:
            images = image_operations.change(images, self.random_operation, rng)
        if self.blur_radius:
            images = image_operations.blur(images, self.blur_radius, rng)
        if self.jpeg_quality:
            images = image_operations.recode(images, self.jpeg_quality, rng)
        if self.cutout_fraction:
            images = self._cut_out(images, rng)
        return images

    def _crop(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Shift by whole pixels, without blurring: the usual pad-and-crop."""
        height, width = images.shape[1:3]
        margin_y, margin_x = round(self.shift_fraction * height), round(self.shift_fraction * width)
        padded = _mirror_pad(images, margin_y, margin_x)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
        rows = rng.integers(0, 2 * margin_y + 1, len(images))
        columns = rng.integers(0, 2 * margin_x + 1, len(images))
        return windows[np.arange(len(images)), rows, columns].transpose(0, 2, 3, 1)

    def _warp(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rotate, zoom, stretch and shift in one bilinear resampling."""
        count, height, width = images.shape[:3]
        # A mirrored margin wide enough for the farthest corner of most draws; beyond it Pillow fills black.
        margin_y, margin_x = height // 2 - 1, width // 2 - 1
        padded = _mirror_pad(images, margin_y, margin_x)
        angles = np.radians(rng.uniform(-self.rotation_degrees, self.rotation_degrees, count))
        zooms = np.asarray(rng.uniform(1 - self.zoom_fraction, 1 + self.zoom_fraction, count))
        shifts = rng.uniform(-self.shift_fraction, self.shift_fraction, (count, 2)) * (width, height)
        stretches: np.ndarray = np.ones(count)
        if self.stretch_fraction:
            stretches += rng.uniform(-self.stretch_fraction, self.stretch_fraction, count)
        warped = np.empty_like(images)
        for index in range(count):
            wide, high = zooms[index] * stretches[index], zooms[index] / stretches[index]
            cosine, sine = math.cos(angles[index]), math.sin(angles[index])
            centre_x, centre_y = width / 2 + shifts[index, 0], height / 2 + shifts[index, 1]
            coefficients = (
                cosine / wide,
                sine / wide,
                width / 2 + margin_x - (cosine * centre_x + sine * centre_y) / wide,
                -sine / high,
                cosine / high,
                height / 2 + margin_y + (sine * centre_x - cosine * centre_y) / high,
            )
            warped[index] = Image.fromarray(padded[index]).transform(
                (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
            )
        return warped

    def _cut_out(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = images.shape[1:3]
        half = self.cutout_fraction * height / 2
        centre_y = rng.uniform(0, height, len(images))[:, None]
        centre_x = rng.uniform(0, width, len(images))[:, None]
        inside_y = np.abs(np.arange(height) + 0.5 - centre_y) < half
        inside_x = np.abs(np.arange(width) + 0.5 - centre_x) < half
        covered = inside_y[:, :, None] & inside_x[:, None, :]
        return np.where(covered[..., None], np.uint8(128), images)


def _mirror_pad(images: np.ndarray, margin_y: int, margin_x: int) -> np.ndarray:
    return np.pad(images, ((0, 0), (margin_y, margin_y), (margin_x, margin_x), (0, 0)), mode="reflect")


NONE = Augmentation()
#: The augmentation that the student project's notebook intended.
STUDENT = Augmentation(rotation_degrees=15, shift_fraction=0.15, zoom_fraction=0.3, horizontal_flip=True)
#: Pad by four, crop, mirror, the usual augmentation of CIFAR-10 (He et al. 2015, section 4.2), and a small cutout.
CROP_FLIP_CUTOUT = Augmentation(shift_fraction=0.125, horizontal_flip=True, cutout_fraction=0.25)
#: The same with a larger cutout.
STRONG = Augmentation(shift_fraction=0.125, horizontal_flip=True, cutout_fraction=0.375)
#: The same with an operation of colour or geometry besides.
VARIED = Augmentation(shift_fraction=0.125, horizontal_flip=True, random_operation=1.0, cutout_fraction=0.375)
#: The same as STRONG, each image mirrored in every second epoch.
ALTERNATING = Augmentation(shift_fraction=0.125, alternating_flip=True, cutout_fraction=0.375)
