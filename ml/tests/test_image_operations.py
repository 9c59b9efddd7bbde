import numpy as np
import pytest
from PIL import Image

from ml.images.operations import OPERATIONS, change
from ml.tests.factories import quadrants, scene, some_images


@pytest.mark.parametrize("index", range(len(OPERATIONS)))
@pytest.mark.parametrize("amount", [-1.0, -0.3, 0.0, 0.6, 1.0])
def test_operation_gives_an_image_of_the_same_kind(index, amount):
    image = scene(32)
    changed = OPERATIONS[index](image, amount)
    assert (changed.size, changed.mode) == (image.size, "RGB")


def test_all_operations_but_the_first_change_something_and_no_two_alike():
    coloured = Image.blend(scene(32), quadrants(32, 32), 0.4)
    image = coloured.point(lambda value: 40 + value // 2)
    changed = [operation(image, 0.8).tobytes() for operation in OPERATIONS]
    assert changed[0] == image.tobytes()
    assert len(set(changed)) == len(OPERATIONS)


@pytest.mark.parametrize("name", ["left", "right"])
def test_shift_moves_by_whole_pixels_and_fills_with_grey(name):
    image = Image.new("RGB", (20, 20), "white")
    shifted = np.asarray(OPERATIONS[-2](image, 1.0 if name == "left" else -1.0))
    empty = shifted[:, -6:] if name == "left" else shifted[:, :6]
    assert (empty == 128).all()
    assert (shifted == 255).sum() == 20 * 14 * 3


def test_no_strength_leaves_brightness_and_place_as_they_are():
    images = some_images(50)
    changed = change(images, 0.0, np.random.default_rng(0))
    # Autocontrast and equalize know no amount.
    same = (changed == images).all(axis=(1, 2, 3))
    assert same.mean() > 0.7


def test_images_are_changed_each_by_its_own_draw():
    images = np.repeat(np.asarray(scene(32))[None], 40, axis=0)
    changed = change(images, 1.0, np.random.default_rng(1))
    assert len({image.tobytes() for image in changed}) > 25
