"""The nearest training images: found in an index that is of this network and this data set, or not at all."""

import io
import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import CARD_FILE, LITERT_FILE, MADE_LATER, NEIGHBOURS_FOLDER, ArtifactError
from ml.classes import CLASS_NAMES
from ml.data.dataset import Dataset, DatasetError, Split
from ml.serving import neighbours
from ml.serving.inference import LoadedModel, Network
from ml.serving.neighbours import CLOSENESS, build, load
from ml.tests.factories import photograph

SHIPPED = Path(__file__).resolve().parents[1] / "trained"
FINGERPRINT = artifacts.load_card(SHIPPED / "student_cnn").dataset["fingerprint"]


def linked_model(folder: Path, name: str = "student_cnn") -> Path:
    return shutil.copytree(SHIPPED / name, folder, copy_function=os.symlink, ignore=shutil.ignore_patterns(*MADE_LATER))


def split(count: int, seed: int, side: int = 32) -> Split:
    images = [np.asarray(photograph(side, side, 1000 * seed + number)) for number in range(count)]
    return Split(np.stack(images), np.random.default_rng(seed).integers(0, 10, count))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """200 images, said to be those that the shipped models were trained on."""
    return Dataset("Patches", CLASS_NAMES, split(200, 1), split(40, 2), split(10, 3), FINGERPRINT)


@pytest.fixture(scope="module")
def built(dataset, tmp_path_factory) -> Path:
    folder = linked_model(tmp_path_factory.mktemp("models") / "student_cnn")
    build(folder, dataset)
    return folder


@pytest.fixture(scope="module")
def network(built) -> Network:
    return LoadedModel(built).networks[""]


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """A model with an index of its own, to be damaged."""
    linked_model(tmp_path / "model")
    shutil.copytree(built / NEIGHBOURS_FOLDER, tmp_path / "model" / NEIGHBOURS_FOLDER)
    return tmp_path / "model"


def features_of(network: Network, images: np.ndarray) -> np.ndarray:
    return np.concatenate([network.outputs(image[None]).features for image in images])


def nearest_in(folder: Path, network: Network, pixels: np.ndarray) -> list[neighbours.Neighbour]:
    return load(folder, network.card).nearest(features_of(network, pixels[None])[0])


def pixels_of(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / NEIGHBOURS_FOLDER).iterdir()}


def test_nearest_are_those_that_comparing_with_every_image_finds(built, network, dataset):
    learnt = features_of(network, dataset.train.images).astype(np.float64)
    learnt /= np.linalg.norm(learnt, axis=1, keepdims=True)
    for pixels in dataset.test.images:
        features = features_of(network, pixels[None])[0].astype(np.float64)
        expected = learnt @ features / np.linalg.norm(features)
        rows = np.argsort(-expected)[:5]
        found = nearest_in(built, network, pixels)
        assert [one.similarity for one in found] == pytest.approx(expected[rows].tolist(), abs=1e-4)
        assert [one.label for one in found] == dataset.train.labels[rows].tolist()
        for one, row in zip(found, rows):
            assert np.array_equal(pixels_of(one.picture), dataset.train.images[row])


def test_training_image_is_found_to_be_the_same(built, network, dataset):
    for row in (0, 199):
        first, second, *_others = nearest_in(built, network, dataset.train.images[row])
        assert np.array_equal(pixels_of(first.picture), dataset.train.images[row])
        assert first.similarity == pytest.approx(1, abs=1e-4)
        assert (first.closeness, second.closeness != "same") == ("same", True)


def test_closeness_is_measured_on_pictures_the_network_has_not_learnt_from(built, network, dataset):
    best = [nearest_in(built, network, pixels)[0].closeness for pixels in dataset.validation.images]
    assert best.count("very_similar") == 20
    assert best.count("similar") == 16
    assert best.count("a_little") + best.count("hardly") == 4
    found = nearest_in(built, network, np.full((32, 32, 3), 255, np.uint8))
    order = [CLOSENESS.index(one.closeness) for one in found]
    assert order == sorted(order)
    assert order[-1] == len(CLOSENESS) - 1


def test_fewer_images_than_asked_for_are_all_of_them(network, dataset, tmp_path):
    few = replace(dataset, train=dataset.train.take(np.arange(3)))
    index = build(linked_model(tmp_path / "model"), few)
    assert (index.count, len(index.nearest(np.ones(512)))) == (3, 3)


def test_model_stays_the_one_that_was_published(built):
    assert artifacts.verify(built).digest == artifacts.load_card(SHIPPED / "student_cnn").digest


def test_there_is_none_before_it_is_built(tmp_path):
    folder = linked_model(tmp_path / "model")
    assert load(folder, artifacts.load_card(folder)) is None


def test_index_of_another_graph_is_not_used(folder):
    card = artifacts.load_card(folder)
    with pytest.raises(ArtifactError, match=r"was built for a different network than student_cnn.*build_neighbours"):
        load(folder, replace(card, files={**card.files, LITERT_FILE: "0" * 64}))


def test_other_data_set_is_refused(dataset, folder):
    before = contents(folder)
    with pytest.raises(
        DatasetError, match=r"student_cnn was trained on CIFAR-10, and this is not it.*Patches, sha256:0"
    ):
        build(folder, replace(dataset, fingerprint="sha256:0"))
    assert contents(folder) == before


def test_images_that_a_limit_left_out_of_training_are_left_out(dataset, tmp_path):
    folder = linked_model(tmp_path / "model")
    card = json.loads((folder / CARD_FILE).read_text())
    card["dataset"]["limit"] = 50
    (folder / CARD_FILE).unlink()
    (folder / CARD_FILE).write_text(json.dumps(card))
    assert build(folder, dataset).count == 50


def stop_at(done: int, error: type[BaseException]):
    def progress(now: int, total: int) -> None:
        assert total == 200
        if now >= done:
            raise error

    return progress


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file become larger, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("done", [64, 200])
def test_stopped_building_leaves_the_earlier_index(dataset, folder, done):
    before, beside = contents(folder), sorted(folder.iterdir())
    with pytest.raises(KeyboardInterrupt):
        build(folder, dataset, stop_at(done, KeyboardInterrupt))
    assert (contents(folder), sorted(folder.iterdir())) == (before, beside)


@pytest.mark.parametrize("size", [10_000, 420_000])
def test_full_disk_is_reported_and_keeps_the_earlier_index(dataset, folder, size):
    before, beside = contents(folder), sorted(folder.iterdir())
    with largest_file(size), pytest.raises(ArtifactError, match="neighbours cannot be written"):
        build(folder, dataset)
    assert (contents(folder), sorted(folder.iterdir())) == (before, beside)


@pytest.mark.parametrize("name", ["index.json", "features.npy", "labels.npy", "ends.npy", "thumbnails.bin"])
def test_file_that_was_cut_short_is_noticed(folder, network, dataset, name):
    path = folder / NEIGHBOURS_FOLDER / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArtifactError, match=r"neighbours cannot be read.*build_neighbours"):
        nearest_in(folder, network, dataset.train.images[-1])


@pytest.mark.parametrize("name", ["features.npy", "labels.npy", "ends.npy", "thumbnails.bin"])
def test_file_with_one_other_byte_is_noticed(folder, network, dataset, name):
    path = folder / NEIGHBOURS_FOLDER / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} is not the file that was written.*build_neighbours"):
        load(folder, network.card)


@pytest.mark.parametrize("name", ["features.npy", "labels.npy", "ends.npy", "thumbnails.bin"])
def test_file_cut_short_between_two_searches_is_noticed(folder, network, dataset, name):
    index = load(folder, network.card)
    features = features_of(network, dataset.train.images[-1:])[0]
    assert len(index.nearest(features)) == 5
    os.truncate(folder / NEIGHBOURS_FOLDER / name, 200)
    with pytest.raises(ArtifactError, match=r"neighbours cannot be read.*build_neighbours"):
        index.nearest(features)


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": 2}'])
def test_description_of_something_else_is_noticed(folder, network, content):
    (folder / NEIGHBOURS_FOLDER / "index.json").write_text(content)
    with pytest.raises(ArtifactError, match="neighbours cannot be read"):
        load(folder, network.card)


class Streamed:
    """Images that may be read a batch at a time alone."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> np.ndarray:
        assert len(self.images[rows]) <= 64
        return self.images[rows]


def test_training_images_are_read_a_batch_at_a_time(dataset, built, network, tmp_path):
    streamed = replace(dataset, train=Split(Streamed(dataset.train.images), dataset.train.labels))
    folder = linked_model(tmp_path / "model")
    build(folder, streamed)
    assert contents(folder) == contents(built)


def test_of_two_networks_the_one_for_thumbnails_has_an_index(dataset, tmp_path):
    folder = linked_model(tmp_path / "duo", "cifar10_duo")
    fingerprint = artifacts.load_card(folder / "thumbnails").dataset["fingerprint"]
    build(folder, replace(dataset, fingerprint=fingerprint))
    model = LoadedModel(folder)
    networks = {name: load(folder / name, network.card) for name, network in model.networks.items()}
    assert networks["photographs"] is None
    assert networks["thumbnails"].count == 200
    assert artifacts.verify(folder) == artifacts.verify(SHIPPED / "cifar10_duo")


def test_large_training_images_are_shown_small(tmp_path):
    folder = linked_model(tmp_path / "model", "cifar10_duo/photographs")
    card = artifacts.load_card(folder)
    splits = (split(count, seed, side=224) for seed, count in enumerate((3, 2, 1)))
    index = build(folder, Dataset("Large", CLASS_NAMES, *splits, card.dataset["fingerprint"]))
    assert {pixels_of(one.picture).shape for one in index.nearest(np.ones(1280))} == {(64, 64, 3)}
