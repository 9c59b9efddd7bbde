"""Networks that have learnt on ImageNet: the reference's answers, sizes, and where their weights come from."""

from pathlib import Path

import numpy as np
import pytest

from ml.networks import efficientnet_lite
from ml.networks.efficientnet_lite import efficientnet_lite0, load_imagenet
from ml.networks.pretrained import APPLICATIONS
from ml.networks.registry import ARCHITECTURES, WeightsMissing, find_architecture
from ml.tests.factories import photograph, small_model
from ml.training.recipes import find_recipe

PRETRAINED = sorted(name for name, architecture in ARCHITECTURES.items() if architecture.load_pretrained)


@pytest.fixture(scope="module")
def lite0():
    """At half the usual size, with ImageNet's thousand classes."""
    model = efficientnet_lite0((224, 224, 3), 1000)
    load_imagenet(model)
    return model


def test_lite0_gives_the_reference_implementations_thousand_logits(lite0):
    """What efficientnet-lite-pytorch 0.1.0 on PyTorch 2.13.0 gives for these images and the published weights.

    Ours have kernels in float16, which moves a logit by up to 0.04; with float32 it is 0.00001.
    """
    reference = np.load(Path(__file__).parent / "data" / "lite0_reference.npz")
    images = reference["images"].repeat(4, axis=1).repeat(4, axis=2)
    assert np.abs(logits(lite0, images) - reference["logits"]).max() < 0.05
    assert np.ptp(reference["logits"], axis=1).min() > 5


def logits(model, images: np.ndarray) -> np.ndarray:
    import keras

    features = keras.Model(model.input, model.get_layer("features").output)
    kernel, bias = model.get_layer("fc").get_weights()
    return features.predict_on_batch(images.astype("float32")) @ kernel + bias


def test_lite0_has_its_published_number_of_parameters(lite0):
    # Running means and variances count for Keras, not for the authors.
    assert sum(int(np.prod(weights.shape)) for weights in lite0.trainable_weights) == 4_652_008


def test_head_for_other_classes_is_reset_on_the_pretrained_backbone(lite0):
    architecture = find_architecture("efficientnet_lite0")
    model = architecture.build((96, 96, 3), 3)
    head = model.layers[-1].get_weights()
    architecture.load_pretrained(model, None)
    assert all(map(np.array_equal, model.layers[-1].get_weights(), head))
    for layer, other in zip(model.layers[:-1], lite0.layers[:-1]):
        assert all(map(np.array_equal, layer.get_weights(), other.get_weights()))


def test_lite0_takes_another_model_and_refuses_what_is_none(tmp_path):
    architecture = find_architecture("efficientnet_lite0")
    model = architecture.build((96, 96, 3), 3)
    architecture.load_pretrained(model, efficientnet_lite.WEIGHTS)
    wrong = tmp_path / "wrong.keras"
    content = efficientnet_lite.WEIGHTS.read_bytes()
    for refused in (b"", b"wrong", content[: len(content) // 2]):
        wrong.write_bytes(refused)
        with pytest.raises(WeightsMissing, match=r"wrong\.keras does not hold the weights of EfficientNet-Lite0"):
            architecture.load_pretrained(model, wrong)
    small_model().save(wrong)
    with pytest.raises(WeightsMissing, match=r"wrong\.keras does not hold .*ml/trained/cifar10_duo"):
        architecture.load_pretrained(model, wrong)
    with pytest.raises(WeightsMissing, match=r"none\.keras does not hold"):
        architecture.load_pretrained(model, tmp_path / "none.keras")


@pytest.mark.parametrize("name", PRETRAINED)
def test_small_images_are_enlarged_inside_and_answered(name):
    model = find_architecture(name).build((32, 32, 3), 10)
    assert model.get_layer("enlarged").output.shape[1:] == (96, 96, 3)
    predictions = model.predict_on_batch(np.stack([np.asarray(photograph(32, 32, seed)) for seed in range(2)]))
    assert predictions.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-4)


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_keras_weights_from_a_file_give_the_backbones_own_features(name, tmp_path):
    import keras

    application = APPLICATIONS[name]
    source = application._backbone()(include_top=False, weights=None, input_shape=(96, 96, 3), pooling="avg")
    file = tmp_path / "notop.weights.h5"
    source.save_weights(file)
    model = application.build((96, 96, 3), 4)
    application.load_imagenet(model, file)

    pixels = np.stack([np.asarray(photograph(96, 96, seed)) for seed in range(2)]).astype("float32")
    prepared = pixels if application.takes_pixels else keras.applications.vgg16.preprocess_input(pixels.copy())
    features = keras.Model(model.input, model.layers[-1].input)
    assert np.allclose(features.predict_on_batch(pixels), source.predict_on_batch(prepared), atol=1e-3)


def test_wrong_file_of_keras_weights_is_refused_with_the_remedy(tmp_path):
    wrong = tmp_path / "wrong.h5"
    wrong.write_bytes(b"wrong")
    application = APPLICATIONS["mobilenet_v3_small"]
    with pytest.raises(WeightsMissing, match=r"wrong\.h5 does not hold .* MobileNetV3Small.*--weights FILE"):
        application.load_imagenet(application.build((96, 96, 3), 2), wrong)


def test_download_that_fails_names_the_network_and_the_option(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    application = APPLICATIONS["mobilenet_v3_small"]
    with pytest.raises(WeightsMissing, match=r"Keras could not fetch .*Check the network .*--weights FILE"):
        application.load_imagenet(application.build((96, 96, 3), 2))


def test_they_are_fine_tuned_at_a_low_learning_rate():
    assert {find_architecture(name).recipe for name in PRETRAINED} == {"fine_tune"}
    assert find_recipe("fine_tune").learning_rate < find_recipe("adam_cosine").learning_rate
