import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml.artifacts import folder as artifacts
from ml.artifacts import probe
from ml.artifacts.folder import CARD_FILE, LITERT_FILE, STATISTICS_FILE, ArtifactError, sha256
from ml.artifacts.inspection import inspect
from ml.confidence.abstention import FeatureStatistics

#: What the probe's pixels come to; other pixels would make every published model look like another.
PROBE_SUM = 3_049_238
SHIPPED = Path(__file__).resolve().parents[1] / "trained" / "student_cnn"


@pytest.fixture
def folder(tmp_path) -> Path:
    copied = tmp_path / "model"
    copied.mkdir()
    for name in (*artifacts.MODEL_FILES, CARD_FILE):
        shutil.copyfile(SHIPPED / name, copied / name)
    return copied


def change_card(folder: Path, **entries) -> None:
    """Put entries into the card, and let it state the checksums of the files as they are."""
    card = json.loads((folder / CARD_FILE).read_text())
    card["files"] = {name: sha256(folder / name) for name in artifacts.MODEL_FILES}
    (folder / CARD_FILE).write_text(json.dumps(card | entries))


def test_shipped_model_is_what_its_card_says():
    assert inspect(SHIPPED) == artifacts.load_card(SHIPPED)


def test_model_of_two_networks_is_looked_into():
    folder = SHIPPED.parent / "cifar10_duo"
    assert inspect(folder) == artifacts.load_card(folder)


def test_damage_is_named(folder):
    (folder / LITERT_FILE).write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match=r"model\.tflite is not the file its card describes"):
        inspect(folder)


def test_graph_that_cannot_be_read_is_refused_even_where_its_checksum_fits(folder):
    (folder / LITERT_FILE).write_bytes(b"no graph")
    change_card(folder)
    with pytest.raises(ArtifactError, match=r"model\.tflite does not answer images of \(32, 32, 3\)"):
        inspect(folder)


def test_graph_of_another_input_is_refused(folder):
    change_card(folder, input_shape=[48, 48, 3])
    with pytest.raises(ArtifactError, match=r"does not answer images of \(48, 48, 3\)"):
        inspect(folder)


def test_fewer_classes_in_the_card_than_in_the_graph_are_refused(folder):
    names = json.loads((folder / CARD_FILE).read_text())["class_names"]
    change_card(folder, class_names=names[:-1], metrics={})
    with pytest.raises(ArtifactError, match=r"has other classes than its card, which says airplane, .*of 10 classes"):
        inspect(folder)


def test_figures_of_other_classes_are_refused(folder):
    change_card(folder, class_names=[f"class{number}" for number in range(10)])
    with pytest.raises(ArtifactError, match=r"has other classes than its card, which says class0, .*validation split"):
        inspect(folder)


def test_statistics_that_cannot_be_read_are_refused(folder):
    (folder / STATISTICS_FILE).write_bytes(b"nothing")
    change_card(folder)
    with pytest.raises(ArtifactError, match=r"statistics\.npz cannot be read"):
        inspect(folder)


def test_statistics_of_other_features_are_refused(folder):
    rng = np.random.default_rng(0)
    FeatureStatistics.fit(rng.normal(size=(40, 3)), np.arange(40) % 10, 10).save(folder / STATISTICS_FILE)
    change_card(folder)
    with pytest.raises(ArtifactError, match="has other classes than its card"):
        inspect(folder)


def test_graph_of_another_network_is_refused(folder):
    """The parity check: what the Keras network answered to the probe stands in the card."""
    export = json.loads((folder / CARD_FILE).read_text())["export"]
    change_card(folder, export=export | {"probe": np.full((probe.COUNT, 10), 0.1).tolist()})
    with pytest.raises(ArtifactError, match="does not answer as the network that its card describes: probabilities"):
        inspect(folder)


@pytest.mark.parametrize(("arithmetic", "difference"), [("float32", 1e-4), ("int8", 2e-2)])
def test_probabilities_may_differ_by_what_another_processor_rounds_another_way(folder, arithmetic, difference):
    export = json.loads((folder / CARD_FILE).read_text())["export"]

    def state(moved: float) -> None:
        probabilities = np.array(export["probe"])
        probabilities[0, :2] += (moved, -moved)
        change_card(folder, export=export | {"probe": probabilities.tolist(), "arithmetic": arithmetic})

    state(0.9 * difference)
    assert inspect(folder).export["arithmetic"] == arithmetic
    state(1.1 * difference)
    with pytest.raises(ArtifactError, match="does not answer as the network that its card describes"):
        inspect(folder)


def test_probe_is_the_same_pictures_every_time_in_any_shape():
    assert np.array_equal(probe.images((32, 32, 3)), probe.images((32, 32, 3)))
    pictures = probe.images((40, 24, 3))
    assert (pictures.shape, pictures.dtype) == ((probe.COUNT, 40, 24, 3), np.uint8)
    assert len({picture.tobytes() for picture in pictures}) == probe.COUNT
    assert probe.images((32, 32, 3)).astype(int).sum() == PROBE_SUM
