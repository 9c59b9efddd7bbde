import itertools

import numpy as np
import pytest

from ml.data.augmentation import NONE, Augmentation
from ml.data.dataset import Dataset, Split
from ml.tests.factories import small_dataset, tiny_recipe
from ml.training.batches import batches
from ml.training.recipes import Recipe

STEPS = 5


@pytest.fixture(scope="module")
def split() -> Split:
    """Ninety images of three classes: five batches of sixteen, and ten images too many."""
    dataset: Dataset = small_dataset()
    return dataset.train


def draw(split: Split, count: int, *, seed: int = 0, first_epoch: int = 0, teacher=None, **changes) -> list[tuple]:
    recipe: Recipe = tiny_recipe(batch_size=16, **changes)
    drawn = batches(split, np.eye(3, dtype="float32"), recipe, seed, STEPS, first_epoch=first_epoch, teacher=teacher)
    return list(itertools.islice(drawn, count))


def as_bytes(drawn: list[tuple]) -> list[bytes]:
    return [images.tobytes() + targets.tobytes() for images, targets in drawn]


@pytest.mark.parametrize("mixup", [0.0, 0.2])
def test_batches_follow_from_the_seed_and_the_epoch_alone(split, mixup):
    from_the_start = as_bytes(draw(split, 3 * STEPS, seed=1, mixup=mixup))
    assert as_bytes(draw(split, STEPS, seed=1, first_epoch=2, mixup=mixup)) == from_the_start[2 * STEPS :]
    assert len(set(from_the_start)) == 3 * STEPS
    assert not set(from_the_start) & set(as_bytes(draw(split, 3 * STEPS, seed=2, mixup=mixup)))


def test_an_epoch_shows_no_image_twice_and_keeps_labels_with_their_images(split):
    of_image = {image.tobytes(): label for image, label in zip(split.images, split.labels)}
    seen = [
        (image.astype(np.uint8).tobytes(), target.argmax())
        for images, targets in draw(split, STEPS, augmentation=NONE)
        for image, target in zip(images, targets)
    ]
    assert len({image for image, _ in seen}) == len(seen) == STEPS * 16
    assert all(of_image[image] == label for image, label in seen)


def test_images_left_out_of_one_epoch_are_shown_in_another(split):
    seen = {image.tobytes() for images, _ in draw(split, 6 * STEPS, augmentation=NONE) for image in images}
    assert len(seen) == len(split.labels)


def test_batches_are_float32_pixels_and_one_hot_targets(split):
    for images, targets in draw(split, STEPS):
        assert (images.shape, images.dtype) == ((16, 16, 16, 3), np.float32)
        assert (targets.shape, targets.dtype) == ((16, 3), np.float32)
        assert images.max() > 1
        assert set(targets.ravel()) == {0, 1}
        assert (targets.sum(axis=1) == 1).all()


def test_data_set_smaller_than_a_batch_is_one_batch(split):
    images, targets = draw(split.take(np.arange(5)), 1)[0]
    assert len(images) == len(targets) == 5


def test_mixup_blends_images_and_targets_alike():
    """Every image is as bright as its class says, so that a blend's target can be told from its brightness."""
    labels = np.arange(90) % 3
    brightness = np.array([0, 100, 200])
    split = Split(np.broadcast_to(brightness[labels, None, None, None], (90, 4, 4, 3)).astype(np.uint8), labels)
    shares = []
    for images, targets in draw(split, STEPS, augmentation=NONE, mixup=1.0):
        assert (images.dtype, targets.dtype) == (np.float32, np.float32)
        assert targets.sum(axis=1) == pytest.approx(np.ones(16), abs=1e-6)
        assert np.ptp(images, axis=(1, 2, 3)).max() == 0
        assert images[:, 0, 0, 0] == pytest.approx(targets @ brightness, abs=1e-3)
        assert ((targets > 0).sum(axis=1) <= 2).all()
        shares += list(targets.max(axis=1))
    assert 0.5 < min(shares) < 0.7  # Shares are an image's own, and spread.
    assert len(set(np.round(shares, 4))) > STEPS * 16 / 3


@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_a_teacher_gives_its_share_of_the_target_of_the_image_that_is_learnt_from(split, mixup):
    def teacher(images: np.ndarray) -> np.ndarray:
        return images.mean(axis=(1, 2)) / 255

    untaught = draw(split, STEPS, mixup=mixup)
    taught = draw(split, STEPS, mixup=mixup, distillation=0.75, teacher=teacher)
    for (images, targets), (same_images, with_teacher) in zip(untaught, taught):
        assert np.array_equal(images, same_images)
        assert np.allclose(with_teacher, 0.25 * targets + 0.75 * teacher(images), atol=1e-6)


def test_alternating_flip_shows_every_image_both_ways_in_any_two_epochs():
    """Images of a dark left and a bright right half, whose number is their brightness."""
    images = np.zeros((80, 4, 4, 3), np.uint8)
    images[:, :, 2:] = np.arange(1, 81)[:, None, None, None]
    split = Split(images, np.arange(80) % 3)
    ways: list[dict[int, bool]] = []
    for epoch in range(4):
        drawn = draw(split, STEPS, first_epoch=epoch, augmentation=Augmentation(alternating_flip=True))
        shown = np.concatenate([batch for batch, _ in drawn])
        ways.append({int(image.max()): bool(image[0, 0, 0]) for image in shown})
    assert len(ways[0]) == 80
    assert 20 < sum(ways[0].values()) < 60
    for before, after in itertools.pairwise(ways):
        assert all(after[number] != mirrored for number, mirrored in before.items())
