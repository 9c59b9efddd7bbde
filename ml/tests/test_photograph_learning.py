from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.artifacts.export import graph_to_serve
from ml.building import photograph_learning, photograph_writing
from ml.building.photograph_examples import Backbone, read, sample
from ml.building.photograph_learning import folds_by_source, teach
from ml.classes import CLASS_NAMES
from ml.data.dataset import Dataset, DatasetError, Split
from ml.images.preprocessing import to_input
from ml.networks import class_map
from ml.networks.class_map import PHOTOGRAPH_CLASSES
from ml.networks.photograph_head import Head
from ml.networks.photograph_network import backbone, corrected_network
from ml.serving.inference import LoadedModel
from ml.tests.factories import scene, some_images

SIZE = 96
#: What tells the classes apart: the colour of the whole picture.
COLOURS = np.random.default_rng(3).uniform(0.2, 1, (len(PHOTOGRAPH_CLASSES), 3))


@pytest.fixture(scope="module")
def imagenet():
    return backbone(SIZE)


@pytest.fixture(scope="module")
def seeing(imagenet) -> Backbone:
    return Backbone(
        graph_to_serve(uncorrected(imagenet), some_images(1)), lambda picture: to_input(picture, SIZE, SIZE)
    )


def uncorrected(imagenet):
    return corrected_network(imagenet, Head.without_correction(1280, len(PHOTOGRAPH_CLASSES)))


def coloured(label: int, seed: int, side: int = 128) -> Image.Image:
    return Image.fromarray((np.asarray(scene(side, seed)) * COLOURS[label]).astype(np.uint8))


def write_photographs(folder: Path, sources: tuple[str, ...], count: int = 2) -> Path:
    for label, name in enumerate(PHOTOGRAPH_CLASSES):
        (folder / name).mkdir(parents=True)
        for number, source in enumerate(source for source in sources for _ in range(count)):
            coloured(label, 100 * label + number).save(folder / name / f"{source}_{number}.png")
    return folder


def some_thumbnails() -> Split:
    labels = np.arange(20) % 10
    return Split(np.stack([np.asarray(coloured(label, seed, 32)) for seed, label in enumerate(labels)]), labels)


@pytest.fixture(scope="module")
def taught(seeing, tmp_path_factory):
    folder = write_photographs(tmp_path_factory.mktemp("photographs"), ("phones", "farms", "web", "streets", "zoo"))
    return teach(seeing, folder, some_thumbnails())


def test_source_is_in_one_fold_and_every_class_is_spread_over_them():
    rng = np.random.default_rng(0)
    sources = rng.integers(0, 40, 2000)
    labels = (sources + rng.integers(0, 3, 2000)) % 11
    folds = folds_by_source(labels, sources.astype(str))
    assert set(folds) == set(range(5))
    assert all(len(set(folds[sources == source])) == 1 for source in range(40))
    spread = np.array([[((folds == fold) & (labels == label)).sum() for label in range(11)] for fold in range(5)])
    assert (spread.min(axis=0) > 0.25 * spread.max(axis=0)).all()


def test_fewer_sources_than_folds_make_as_many_folds():
    assert sorted(set(folds_by_source(np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])))) == [0, 1]


def test_every_photograph_is_read_with_its_source_and_every_fifth_is_blurred(seeing, tmp_path):
    photographs, blurred = read(seeing, write_photographs(tmp_path, ("phones", "web"), count=1))
    assert len(photographs.labels) == 22
    assert photographs.labels.tolist() == sorted([*range(11)] * 2)
    assert photographs.sources.tolist() == ["phones", "web"] * 11
    assert blurred.labels.tolist() == photographs.labels[::5].tolist()
    assert np.abs(blurred.features - photographs.features[::5]).max() > 0.1


def test_photographs_of_one_source_are_refused_with_what_to_do(seeing, tmp_path):
    with pytest.raises(DatasetError, match=r"come from one source.*phones_0012\.jpg"):
        read(seeing, write_photographs(tmp_path, ("phones",), count=1))


def test_class_without_a_photograph_is_named(seeing, tmp_path):
    folder = write_photographs(tmp_path, ("phones", "web"), count=1)
    for path in (folder / "deer").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="deer has 0 image"):
        read(seeing, folder)


def test_head_learns_what_imagenet_does_not_know(taught):
    figures = taught.figures
    assert figures["photographs"] == 110
    assert figures["sources"] == ["farms", "phones", "streets", "web", "zoo"]
    assert [*figures["per_class"]] == list(PHOTOGRAPH_CLASSES[:-1])
    assert np.mean([of_class["accuracy"] for of_class in figures["per_class"].values()]) > 0.6
    assert 0 <= figures["none_answered"] <= 1


def test_nearly_all_photographs_of_the_classes_are_answered(taught):
    shares = [of_class["correct"] + of_class["wrong"] for of_class in taught.figures["per_class"].values()]
    assert np.mean(shares) == pytest.approx(photograph_learning.COVERAGE, abs=0.02)
    assert 0 < taught.threshold < 1
    assert taught.temperature > 0


def test_network_gives_what_the_head_does(imagenet, seeing, taught):
    pixels = [np.asarray(coloured(label, label).resize((SIZE, SIZE))) for label in range(4)]
    logits = taught.head.logits(*seeing.outputs(pixels))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    network = corrected_network(imagenet, taught.head)
    assert network.predict_on_batch(np.stack(pixels).astype("float32")) == pytest.approx(expected, abs=1e-4)


def test_head_that_corrects_nothing_gives_imagenets_sums(imagenet):
    images = np.stack([np.asarray(coloured(label, label).resize((SIZE, SIZE))) for label in range(3)]).astype("float32")
    network = uncorrected(imagenet)
    expected = imagenet.predict_on_batch(images) @ class_map.sums()
    assert network.predict_on_batch(images) == pytest.approx(expected, abs=1e-4)


def test_sample_has_photographs_of_every_class_in_any_order(tmp_path):
    folder = write_photographs(tmp_path, ("phones", "web"))
    images, labels = sample(folder, lambda picture: to_input(picture, SIZE, SIZE))
    assert images.shape == (44, SIZE, SIZE, 3)
    assert np.bincount(labels).tolist() == [4] * 11
    assert labels.tolist() != sorted(labels)


def test_label_that_the_other_sources_contradict_teaches_nothing(seeing, tmp_path):
    folder = write_photographs(tmp_path, ("phones", "farms", "web", "streets", "zoo"), count=3)
    coloured(2, 999).save(folder / "ship" / "web_999.png")
    figures = teach(seeing, folder, some_thumbnails()).figures
    assert figures["photographs"] == 166
    assert figures["implausible"] >= 1


def test_folder_says_what_it_learnt_from_and_answers_as_the_head_does(taught, tmp_path):
    folder = write_photographs(tmp_path / "photographs", ("phones", "farms"), count=1)
    thumbnails = some_thumbnails()
    dataset = Dataset("Scenes", CLASS_NAMES, thumbnails, thumbnails, thumbnails, "sha256:scenes")
    card = photograph_writing.write(tmp_path / "model", dataset, size=SIZE, learn_from=folder, report=lambda step: None)
    assert card.dataset["learnt_from"]["sources"] == ["farms", "phones"]
    assert card.dataset["thumbnails_learnt_from"] == "sha256:scenes"
    assert (card.abstention["score"], card.abstention["coverage"]) == ("maximum_probability", 0.97)
    assert card.calibration["temperature"] > 0
    model = LoadedModel(tmp_path / "model")
    predictions = model.predict([model.prepare(coloured(3, 300)), model.prepare(coloured(10, 1000))])
    assert predictions.probabilities.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-5)
    assert predictions.thresholds.tolist() == [card.abstention["thresholds"]["maximum_probability"]] * 2
