from dataclasses import replace

import numpy as np
import pytest

from ml.data.augmentation import CROP_FLIP_CUTOUT, NONE, STUDENT, VARIED, Augmentation
from ml.tests.factories import photograph, some_images

EVERY = [
    NONE,
    STUDENT,
    CROP_FLIP_CUTOUT,
    Augmentation(horizontal_flip=True),
    Augmentation(shift_fraction=0.1),
    Augmentation(rotation_degrees=20),
    Augmentation(zoom_fraction=0.2),
    Augmentation(cutout_fraction=0.5),
    Augmentation(stretch_fraction=0.2),
    Augmentation(colour_fraction=0.4),
    Augmentation(random_operation=1.0),
    Augmentation(blur_radius=1.0),
    Augmentation(jpeg_quality=30),
    VARIED,
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dots(count: int) -> np.ndarray:
    """Black images with one white pixel at row 16, column 10."""
    images = np.zeros((count, 32, 32, 3), np.uint8)
    images[:, 16, 10] = 255
    return images


def centres(images: np.ndarray) -> np.ndarray:
    """Row and column of each image's centre of brightness, (N, 2)."""
    grey = images.sum(axis=3, dtype=float)
    total = grey.sum(axis=(1, 2))
    rows, columns = np.arange(32)[:, None], np.arange(32)
    return np.column_stack([(grey * rows).sum(axis=(1, 2)) / total, (grey * columns).sum(axis=(1, 2)) / total])


@pytest.mark.parametrize("augmentation", EVERY)
def test_result_has_the_shape_and_type_of_its_input_which_stays_as_it_was(augmentation):
    images = some_images()
    before = images.copy()
    changed = augmentation.apply(images, rng())
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)


@pytest.mark.parametrize("augmentation", EVERY[1:])
def test_changes_follow_from_the_generator(augmentation):
    images = some_images()
    first, again, other = (augmentation.apply(images, rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_augmentation_changes_nothing():
    images = some_images()
    assert np.array_equal(NONE.apply(images, rng()), images)


def test_flip_mirrors_about_half_of_the_images_from_side_to_side():
    images = some_images(400)
    changed = Augmentation(horizontal_flip=True).apply(images, rng())
    flipped = (changed == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((changed == images).all(axis=(1, 2, 3)) ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_crop_shifts_by_whole_pixels_up_to_the_fraction_every_way():
    moved = centres(Augmentation(shift_fraction=0.125).apply(dots(1_000), rng())) - (16, 10)
    assert set(moved[:, 0].tolist()) == set(moved[:, 1].tolist()) == set(range(-4, 5))


def test_crop_fills_with_a_mirror_image_and_blurs_nothing():
    image = some_images(1)
    padded = np.pad(image[0], ((4, 4), (4, 4), (0, 0)), mode="reflect")
    for seed in range(20):
        (cropped,) = Augmentation(shift_fraction=0.125).apply(image, rng(seed))
        assert any(np.array_equal(cropped, padded[y : y + 32, x : x + 32]) for y in range(9) for x in range(9))


def test_warp_by_next_to_nothing_leaves_the_image():
    images = some_images()
    changed = Augmentation(rotation_degrees=1e-9, zoom_fraction=1e-9).apply(images, rng())
    assert np.abs(changed.astype(int) - images).max() <= 1


def test_warp_shifts_down_and_right_by_what_was_drawn():
    changed = Augmentation(zoom_fraction=1e-9, shift_fraction=0.2).apply(dots(50), rng())
    draws = rng()
    draws.uniform(size=(2, 50))  # Angles and zooms.
    shifts = draws.uniform(-0.2, 0.2, (50, 2)) * 32
    assert centres(changed) - (16, 10) == pytest.approx(shifts[:, ::-1], abs=0.05)


def test_warp_zooms_the_picture_about_its_middle():
    square = np.zeros((200, 32, 32, 3), np.uint8)
    square[:, 12:20, 12:20] = 255
    changed = Augmentation(zoom_fraction=0.25).apply(square, rng())
    sides = np.sqrt(changed.mean(axis=3).sum(axis=(1, 2)) / 255)
    assert centres(changed) == pytest.approx(np.full((200, 2), 15.5), abs=0.05)
    assert (sides.min(), sides.max()) == pytest.approx((6, 10), abs=0.2)


def test_stretching_widens_a_picture_as_much_as_it_flattens_it():
    square = np.zeros((200, 32, 32, 3), np.uint8)
    square[:, 12:20, 12:20] = 255
    changed = Augmentation(stretch_fraction=0.25).apply(square, rng()) / 255
    heights = changed[:, :, 15:17].mean(axis=(2, 3)).sum(axis=1)
    widths = changed[:, 15:17].mean(axis=(1, 3)).sum(axis=1)
    assert centres(changed) == pytest.approx(np.full((200, 2), 15.5), abs=0.05)
    assert heights * widths == pytest.approx(np.full(200, 64), abs=4)
    assert (widths.min(), widths.max()) == pytest.approx((6, 10), abs=0.3)


def test_warp_rotates_about_the_middle_both_ways_up_to_the_angle():
    rows, columns = (centres(Augmentation(rotation_degrees=15).apply(dots(300), rng())) - 15.5).T
    assert np.hypot(rows, columns) == pytest.approx(np.full(300, np.hypot(0.5, 5.5)), abs=0.1)
    turned = np.degrees(np.arctan2(rows, -columns) - np.arctan2(0.5, 5.5))
    assert (turned.min(), turned.max()) == pytest.approx((-15, 15), abs=0.8)


def test_student_warp_brings_no_black_edges_in():
    bright = np.full((500, 32, 32, 3), 200, np.uint8)
    changed = replace(STUDENT, horizontal_flip=False).apply(bright, rng())
    assert (changed == 200).all(axis=(1, 2, 3)).mean() > 0.95


def test_colours_change_in_brightness_and_saturation_about_what_they_were():
    picture = np.repeat(np.asarray(photograph(32, 32))[None], 300, axis=0)
    changed = Augmentation(colour_fraction=0.4).apply(picture, rng())
    brightness = changed.mean(axis=(1, 2, 3)) / picture[0].mean()
    saturation = np.ptp(changed, axis=3).mean(axis=(1, 2)) / np.ptp(picture[0], axis=2).mean()
    assert 0.55 < brightness.min() < 0.7 < 1.3 < brightness.max() < 1.45
    assert saturation.min() < 0.7 < 1.3 < saturation.max()


def test_blur_takes_detail_and_leaves_the_brightness():
    images = some_images(100)
    changed = Augmentation(blur_radius=1.0).apply(images, rng())
    assert changed.mean() == pytest.approx(images.mean(), abs=1)
    kept = changed.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert 0.2 < kept.min() < 0.5 < 0.95 < kept.max() <= 1


def test_about_half_of_the_images_go_through_jpeg():
    picture = np.repeat(np.asarray(photograph(32, 32))[None], 400, axis=0)
    changed = Augmentation(jpeg_quality=30).apply(picture, rng())
    difference = np.abs(changed.astype(int) - picture).mean(axis=(1, 2, 3))
    assert 150 < (difference == 0).sum() < 250
    assert 0 < difference.max() < 20


def test_cutout_lays_one_grey_square_of_the_side_given():
    images = np.zeros((500, 32, 32, 3), np.uint8)
    changed = Augmentation(cutout_fraction=0.25).apply(images, rng())
    covered = (changed == 128).all(axis=3)
    assert set(np.unique(changed)) <= {0, 128}
    assert covered.sum(axis=(1, 2)).max() == 64
    # Whole wherever it does not hang over an edge.
    assert (covered[:, 8:24, 8:24].any(axis=(1, 2)) <= covered.any(axis=(1, 2))).all()
    heights, widths = covered.any(axis=2).sum(axis=1), covered.any(axis=1).sum(axis=1)
    assert (covered.sum(axis=(1, 2)) == heights * widths).all()
    assert max(heights.max(), widths.max()) == 8


def test_colours_survive_a_warp():
    picture = np.asarray(photograph(32, 32))[None]
    changed = Augmentation(rotation_degrees=5).apply(picture, rng())
    assert changed.mean(axis=(1, 2)) == pytest.approx(picture.mean(axis=(1, 2)), abs=6)
