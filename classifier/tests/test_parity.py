"""The site predicts what was evaluated: Keras, LiteRT, the upload page and the command give the same probabilities."""

import numpy as np
import pytest

from classifier.services.models.publishing import publish
from classifier.tests.factories import SHIPPED_FOLDER, doubtful_model
from classifier.tests.parity import assert_site_predicts_as_evaluated
from ml.artifacts.folder import KERAS_FILE
from ml.confidence.calibration import softmax
from ml.serving.inference import Network
from ml.tests.factories import scene, some_images

pytestmark = pytest.mark.django_db(transaction=True)

TRAINED = SHIPPED_FOLDER.parent


@pytest.fixture
def activated(tmp_path):
    """A function that activates a shipped model."""

    def activate(name: str) -> None:
        (tmp_path / name).symlink_to(TRAINED / name)
        publish(folder=tmp_path / name, activate=True)

    return activate


def test_shipped_model_predicts_on_the_site_as_it_was_evaluated(activated, tmp_path):
    activated("student_cnn")
    assert_site_predicts_as_evaluated(some_images(4), tmp_path)


@pytest.mark.parametrize("side", [32, 256])
def test_model_of_two_networks_does_so_with_either(side, activated, tmp_path):
    activated("cifar10_duo")
    assert_site_predicts_as_evaluated(np.stack([np.asarray(scene(side, seed)) for seed in range(3)]), tmp_path)


def test_model_that_abstains_does_so_too(tmp_path):
    publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)
    assert_site_predicts_as_evaluated(some_images(2), tmp_path)


@pytest.mark.parametrize("name", ["student_cnn", "cifar10_duo/thumbnails", "cifar10_duo/photographs"])
def test_served_graph_predicts_what_the_keras_network_does(name):
    """A graph in float32 to the last digits; rounding to int8 moves probabilities by a little."""
    import keras

    network = Network(TRAINED / name)
    images = np.stack([network.prepare(scene(256, seed)) for seed in range(8)])
    expected = keras.models.load_model(TRAINED / name / KERAS_FILE, compile=False).predict_on_batch(
        images.astype("float32")
    )
    difference = np.abs(softmax(network.outputs(images).logits) - expected)
    assert difference.mean() < 0.02
    if network.card.export.get("arithmetic", "float32") == "float32":
        assert difference.max() < 1e-4
