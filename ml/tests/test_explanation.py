from pathlib import Path

import numpy as np
import pytest

from ml.serving import explanation
from ml.serving.explanation import GRID, agreement, occlusion_map
from ml.serving.inference import LoadedModel, NetworkInput
from ml.tests.factories import photograph

SHIPPED = Path(__file__).resolve().parents[1] / "trained"


@pytest.fixture(scope="module", params=["student_cnn", "cifar10_duo"])
def model(request) -> LoadedModel:
    return LoadedModel(SHIPPED / request.param)


def test_map_highlights_the_part_with_the_object(model):
    name, network = next(iter(model.networks.items()))
    height, width, _channels = network.input_shape
    pixels = np.full((height, width, 3), 128, np.uint8)
    object_ = np.random.default_rng(0).integers(0, 2, (height // 7 * 2, width // 7 * 2, 3)) * 255
    # Black and white in equal parts: covering it by the mean colour takes it away, covering the rest changes nothing.
    object_[::2] = 255 - object_[1::2]
    pixels[: len(object_), : len(object_[0])] = object_
    values = occlusion_map(model, NetworkInput(name, pixels, True), 3)
    assert values.shape == (GRID, GRID)
    assert values.dtype == np.float32
    rest = values[3:, 3:]
    assert np.abs(values[:2, :2]).min() > 10 * np.abs(rest).max()


def test_map_is_of_the_class_asked_for(model):
    seen = model.prepare(photograph(200, 150, 3))
    predictions = model.predict([seen])
    first, second = (-predictions.probabilities[0]).argsort()[:2]
    assert not np.allclose(occlusion_map(model, seen, first), occlusion_map(model, seen, second))


def test_covered_picture_is_what_is_asked_of_the_model(model):
    """One value by hand: the corner is covered by one window alone."""
    seen = model.prepare(photograph(200, 150, 3))
    height, width = seen.pixels.shape[:2]
    covered = seen.pixels.copy()
    covered[: round(2 * height / GRID), : round(2 * width / GRID)] = seen.pixels.mean(axis=(0, 1)).round()
    before, after = model.predict([seen, seen._replace(pixels=covered)]).probabilities[:, 3].astype(float)
    expected = np.log(before / (1 - before)) - np.log(after / (1 - after))
    assert occlusion_map(model, seen, 3)[0, 0] == pytest.approx(expected, abs=1e-3)


def test_picture_without_anything_in_it_is_the_same_however_it_is_moved(model):
    name, network = next(iter(model.networks.items()))
    seen = NetworkInput(name, np.full(network.input_shape, 90, np.uint8), True)
    assert agreement(model, seen) == (9, 9)
    assert not occlusion_map(model, seen, 0).any()


def test_agreement_counts_the_changed_pictures_of_the_same_class():
    model = LoadedModel(SHIPPED / "student_cnn")
    found = [agreement(model, model.prepare(photograph(96, 64, seed))) for seed in range(12)]
    assert {tried for _same, tried in found} == {9}
    assert all(0 <= same <= 9 for same, _tried in found)
    assert len({same for same, _tried in found}) > 1


def test_moving_repeats_the_edge():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert explanation._shifted(pixels, 1, 0)[:, 0, 0].tolist() == [0, 0, 4, 8]
    assert explanation._shifted(pixels, 0, -1)[0, :, 0].tolist() == [1, 2, 3, 3]
