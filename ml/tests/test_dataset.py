import hashlib

import numpy as np
import pytest

from ml.data.dataset import Dataset, Split, stratified_split


def labels_of(*counts: int) -> np.ndarray:
    """As many labels of each class, in a random order."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def held_out_counts(counts: tuple[int, ...], held_out: int) -> list[int]:
    labels = labels_of(*counts)
    return np.bincount(labels[stratified_split(labels, held_out, seed=0)[1]], minlength=len(counts)).tolist()


def split_of(*counts: int, seed: int = 0) -> Split:
    """Images of which no two are alike; the first pixel is the label."""
    labels = labels_of(*counts)
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 4, 6, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = labels
    return Split(images, labels)


def dataset_of(train: tuple[int, ...], validation: tuple[int, ...], test: tuple[int, ...]) -> Dataset:
    splits = [split_of(*counts, seed=seed) for seed, counts in enumerate((train, validation, test))]
    return Dataset("three", ("a", "b", "c"), *splits, fingerprint="sha256:0")


def pixels(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_of_cifar10_as_many_images_of_every_class_are_held_out():
    assert held_out_counts((5_000,) * 10, 5_000) == [500] * 10


def test_nothing_is_lost_or_doubled_and_the_order_stays():
    labels = labels_of(50, 30, 7)
    kept, held_out = stratified_split(labels, 20, seed=0)
    assert np.array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(87))
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held_out) > 0).all()


def test_held_out_images_depend_on_the_seed():
    labels = np.arange(50_000) % 10
    first, again, other = (stratified_split(labels, 5_000, seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # Never change this: another split would put training images of older models into validation.
    assert hashlib.sha256(first.astype("<i8").tobytes()).hexdigest().startswith("84da11d5e4e4")


@pytest.mark.parametrize(
    ("counts", "held_out", "expected"),
    [
        ((70, 20, 10), 10, [7, 2, 1]),
        ((35, 35, 30), 5, [2, 2, 1]),
        ((10, 10, 10, 10), 6, [2, 2, 1, 1]),
        ((30, 35, 35), 5, [1, 2, 2]),
        ((3, 6, 9), 18, [3, 6, 9]),
    ],
    ids=["exact", "not rounded", "equal remainders", "largest remainders", "all"],
)
def test_classes_give_in_proportion_to_their_size_by_largest_remainders(counts, held_out, expected):
    assert held_out_counts(counts, held_out) == expected


def test_every_class_gives_one_image_at_least():
    assert held_out_counts((1_000, 5, 1), 10) == [10, 1, 1]


def test_limit_keeps_the_same_share_of_every_class_and_a_tenth_for_validation():
    data = dataset_of((60, 30, 10), (20, 20, 20), (5, 5, 5)).limited(50)
    assert np.bincount(data.train.labels).tolist() == [30, 15, 5]
    assert np.bincount(data.validation.labels).tolist() == [2, 2, 1]


def test_limit_takes_a_subset_of_the_test_split_and_says_of_how_many():
    whole = dataset_of((60, 30, 10), (20, 20, 20), (50, 30, 20))
    limited = whole.limited(50)
    assert np.bincount(limited.test.labels).tolist() == [25, 15, 10]
    assert (limited.test_images_available, whole.test_images_available) == (100, None)
    assert len(whole.limited(50, test_count=70).test.labels) == 70


def test_limit_leaves_all_else_as_it_is():
    whole = dataset_of((60, 30, 10), (20, 20, 20), (5, 5, 5))
    limited = whole.limited(50)
    assert limited.test is whole.test
    assert limited.test_images_available is None
    assert (limited.name, limited.class_names, limited.fingerprint) == ("three", ("a", "b", "c"), "sha256:0")
    assert len(whole.train.labels) == 100


def test_limited_splits_are_drawn_from_their_own_and_keep_their_labels():
    whole = dataset_of((60, 30, 10), (20, 20, 20), (5, 5, 5))
    limited = whole.limited(50)
    for part, source in ((limited.train, whole.train), (limited.validation, whole.validation)):
        assert pixels(part) < pixels(source)
        assert part.images[:, 0, 0, 0].tolist() == part.labels.tolist()


def test_limit_draws_the_same_images_every_time():
    whole = dataset_of((60, 30, 10), (20, 20, 20), (5, 5, 5))
    assert np.array_equal(whole.limited(50).train.images, whole.limited(50).train.images)


def test_limit_above_the_number_of_images_changes_nothing():
    whole = dataset_of((6, 3, 1), (2, 2, 2), (1, 1, 1))
    limited = whole.limited(1_000)
    assert limited.train is whole.train
    assert limited.validation is whole.validation


def test_limit_below_the_number_of_classes_keeps_one_image_of_each():
    data = dataset_of((60, 30, 10), (20, 20, 20), (5, 5, 5)).limited(1)
    assert np.bincount(data.train.labels).tolist() == [1, 1, 1]
    assert np.bincount(data.validation.labels).tolist() == [1, 1, 1]


def test_validation_images_are_divided_into_a_half_that_chooses_and_one_that_reports():
    data = dataset_of((1, 1, 1), (300, 100, 21), (1, 1, 1))
    chosen, reported = data.selection, data.reporting
    assert not pixels(chosen) & pixels(reported)
    assert pixels(chosen) | pixels(reported) == pixels(data.validation)
    assert np.bincount(chosen.labels).tolist() == [150, 50, 11]
    assert np.bincount(reported.labels).tolist() == [150, 50, 10]
    for half in (chosen, reported):
        assert half.images[:, 0, 0, 0].tolist() == half.labels.tolist()


def test_few_validation_images_choose_and_report():
    data = dataset_of((1, 1, 1), (300, 98, 1), (1, 1, 1))
    assert pixels(data.selection) == pixels(data.reporting) == pixels(data.validation)
    assert len(data.selection.labels) == 399


def test_image_shape_is_height_width_and_channels():
    assert dataset_of((1, 1, 1), (1, 1, 1), (1, 1, 1)).image_shape == (4, 6, 3)
