"""A model of two networks: put together, asked, measured; and the network for photographs in it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError, Card
from ml.building import composite, photograph_writing
from ml.classes import CLASS_NAMES, NONE_CLASS
from ml.data.dataset import Dataset, Split
from ml.images.preprocessing import to_input
from ml.networks import class_map
from ml.networks.photograph_network import FRAMING
from ml.serving import routing
from ml.serving.inference import LoadedModel, NetworkInput
from ml.tests.factories import scene, some_images

SHIPPED = Path(__file__).resolve().parents[1] / "trained" / "student_cnn"
SIZE = 96


def say_nothing(step: str) -> None: ...


def small_scenes(count: int, seed: int) -> Split:
    images = [np.asarray(scene(128, 1000 * seed + number).resize((32, 32))) for number in range(count)]
    return Split(np.stack(images), np.arange(count) % len(CLASS_NAMES))


@pytest.fixture(scope="module")
def thumbnails() -> Dataset:
    splits = (small_scenes(40, seed) for seed in range(3))
    return Dataset("Scenes", CLASS_NAMES, *splits, "sha256:scenes")


@pytest.fixture(scope="module")
def for_photographs(thumbnails, tmp_path_factory) -> tuple[Path, Card]:
    folder = tmp_path_factory.mktemp("models") / "photographs"
    compared = replace(thumbnails, validation=Split(some_images(4), np.arange(4)))
    card = photograph_writing.write(folder, compared, size=SIZE, report=say_nothing)
    return folder, card


@pytest.fixture(scope="module")
def both(for_photographs, thumbnails, tmp_path_factory) -> tuple[Path, Card]:
    folder = tmp_path_factory.mktemp("models") / "both"
    card = composite.combine(
        folder,
        thumbnails=SHIPPED,
        photographs=for_photographs[0],
        dataset=thumbnails,
        report=say_nothing,
    )
    return folder, card


@pytest.fixture(scope="module")
def model(both) -> LoadedModel:
    return LoadedModel(both[0])


def test_map_gives_every_class_of_imagenet_one_of_ours_with_its_reason():
    sums = class_map.sums()
    assert sums.shape == (1000, 11)
    assert (sums.sum(axis=1) == 1).all()
    assert set(np.unique(sums)) == {0, 1}
    counts = dict(zip(class_map.PHOTOGRAPH_CLASSES, sums.sum(axis=0)))
    assert (counts["dog"], counts["bird"], counts["cat"], counts["frog"], counts["deer"]) == (119, 59, 5, 3, 5)
    assert min(counts.values()) >= 2
    rows = class_map.read_rows()
    assert all(row["reason"] and row["class"] in CLASS_NAMES for row in rows)
    assert len({row["imagenet_index"] for row in rows}) == len(rows)


def test_its_folder_says_where_it_comes_from_and_how_it_abstains(for_photographs):
    folder, card = for_photographs
    assert artifacts.verify(folder) == card
    assert card.class_names == (*CLASS_NAMES, NONE_CLASS)
    assert (card.dataset["name"], len(card.dataset["fingerprint"])) == ("ImageNet", 64)
    assert card.abstention["score"] == "known_probability"
    assert not (folder / artifacts.STATISTICS_FILE).exists()
    assert card.export["largest_difference"] <= 1e-5


def test_its_served_graph_gives_the_probabilities_of_the_keras_network(for_photographs):
    import keras

    model = LoadedModel(for_photographs[0])
    picture = scene(256)
    pixels = to_input(picture, SIZE, SIZE, FRAMING)
    keras_model = keras.models.load_model(for_photographs[0] / artifacts.KERAS_FILE)
    expected = keras_model.predict_on_batch(pixels[np.newaxis].astype("float32"))
    assert model.predict([model.prepare(picture)]).probabilities == pytest.approx(expected, abs=1e-4)


def test_folder_contains_both_networks_as_the_card_says(both):
    folder, card = both
    assert artifacts.verify(folder) == card
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "photographs", "thumbnails"]
    assert [*card.networks] == [routing.THUMBNAILS, routing.PHOTOGRAPHS]
    assert card.networks["photographs"]["input_shape"] == [SIZE, SIZE, 3]
    assert card.networks["thumbnails"]["digest"] == artifacts.load_card(SHIPPED).digest
    assert card.parameter_count == sum(network["parameter_count"] for network in card.networks.values())


def test_thumbnails_and_photographs_go_to_their_networks(model):
    assert model.prepare(Image.fromarray(some_images(1)[0])).network == "thumbnails"
    # Blurred and enlarged images are photographs too: only their size counts.
    assert model.prepare(scene(128).resize((32, 32)).resize((500, 374))).network == "photographs"
    seen = model.prepare(scene(256))
    assert (seen.network, seen.pixels.shape) == ("photographs", (SIZE, SIZE, 3))


def test_reduced_picture_is_routed_by_the_size_of_its_file(model):
    """Of a panorama of 4000 x 300 pixels a strip is left when it is decoded."""
    strip = scene(640).resize((640, 48))
    assert model.prepare(strip).network == "thumbnails"
    assert model.prepare(strip, (4000, 300)).network == "photographs"


def test_answers_come_in_the_order_of_the_questions_each_from_its_network(model):
    pictures = [Image.fromarray(some_images(1, 1)[0]), scene(256), Image.fromarray(some_images(1, 2)[0])]
    seen = [model.prepare(picture) for picture in pictures]
    predictions = model.predict(seen)
    assert predictions.probabilities.shape == (3, 11)
    assert predictions.probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    for row, one in enumerate(seen):
        alone = model.networks[one.network].predict(one.pixels[np.newaxis])
        width = alone.probabilities.shape[1]
        assert predictions.probabilities[row, :width] == pytest.approx(alone.probabilities[0], abs=1e-6)
        assert predictions.scores[row] == pytest.approx(alone.scores[0], rel=1e-5)
        assert predictions.abstained[row] == alone.abstained[0]
    assert predictions.probabilities[[0, 2], 10].tolist() == [0, 0]
    assert predictions.probabilities[1, 10] > 0


def test_nothing_asked_is_nothing_answered(model):
    assert [len(values) for values in model.predict([])] == [0] * 5


def test_warming_up_asks_every_network(model):
    asked = LoadedModel(model.networks["thumbnails"]._path.parents[1])
    asked.warm_up()
    assert all(len(network._idle) == 1 for network in asked.networks.values())


def test_its_figures_on_thumbnails_are_those_of_the_network_for_them(both, thumbnails):
    alone = LoadedModel(SHIPPED)
    predictions = alone.predict([NetworkInput("", image) for image in thumbnails.test.images])
    accuracy = (predictions.probabilities.argmax(axis=1) == thumbnails.test.labels).mean()
    assert both[1].metrics["test"]["accuracy"] == pytest.approx(accuracy)
    assert both[1].metrics["test"]["count"] == 40


def test_the_card_says_on_which_data_its_figures_were_measured(both):
    card = both[1]
    assert card.dataset["fingerprint"] == artifacts.load_card(SHIPPED).dataset["fingerprint"]
    assert card.tested_on == {"name": "Scenes", "fingerprint": "sha256:scenes"}


def test_damage_in_either_network_is_found(both, tmp_path):
    for name in ("thumbnails/model.tflite", "photographs/card.json"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(both[0], copy)
        with (copy / name).open("ab") as file:
            file.write(b" ")
        with pytest.raises(ArtifactError, match=name):
            artifacts.verify(copy)


def test_networks_of_other_classes_are_not_put_together(for_photographs, thumbnails, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    artifacts.save_card(other, replace(artifacts.load_card(other), class_names=("rose", "tulip")))
    with pytest.raises(ArtifactError, match="know other classes"):
        composite.combine(
            tmp_path / "both",
            thumbnails=other,
            photographs=for_photographs[0],
            dataset=thumbnails,
            report=say_nothing,
        )
    assert not (tmp_path / "both").exists()
