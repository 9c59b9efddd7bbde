import numpy as np
import pytest

from ml.architectures import ARCHITECTURES, UnknownArchitecture, find_architecture
from ml.classes import CLASS_NAMES, IMAGE_SHAPE
from ml.tests.factories import some_images


@pytest.fixture(scope="module")
def student():
    return find_architecture("student_cnn")(IMAGE_SHAPE, len(CLASS_NAMES))


def describe(layer) -> tuple:
    """The layer's kind and the settings that make it what it is."""
    config = layer.get_config()
    kind = type(layer).__name__
    match kind:
        case "InputLayer":
            return kind, tuple(config["batch_shape"][1:])
        case "Conv2D":
            return kind, layer.filters, layer.kernel_size, layer.strides, config["padding"], config["activation"]
        case "MaxPooling2D":
            return kind, layer.pool_size
        case "Dropout":
            return kind, layer.rate
        case "Dense":
            return kind, layer.units, config["activation"]
    return (kind,)


def test_student_network_is_the_notebooks_layer_for_layer(student):
    norm = ("BatchNormalization",)
    expected = [("InputLayer", (32, 32, 3)), ("Rescaling",)]
    for filters in (32, 64, 128):
        expected += [("Conv2D", filters, (3, 3), (1, 1), "same", "relu"), norm] * 2
        expected += [("MaxPooling2D", (2, 2)), ("Dropout", 0.0)]
    expected += [("Flatten",)]
    for units in (2048, 2048, 1024, 512):
        expected += [("Dense", units, "relu"), norm, ("Dropout", 0.5)]
    expected += [("Dense", 10, "softmax")]
    assert [describe(layer) for layer in student.layers] == expected


def test_student_network_has_its_name_and_parameters(student):
    assert student.name == "cifar10"
    assert student.count_params() == 11_332_138


def test_student_network_takes_pixels_and_rescales_them_inside(student):
    rescale = student.get_layer("rescale")
    assert np.asarray(rescale(np.float32([0, 51, 255]))) == pytest.approx([0, 0.2, 1])
    assert student.layers.index(rescale) == 1


def test_student_network_answers_with_probabilities(student):
    probabilities = student.predict(some_images(3).astype("float32"), verbose=0)
    assert probabilities.shape == (3, 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_unknown_architecture_is_answered_with_the_names_there_are():
    with pytest.raises(UnknownArchitecture, match="'resnet'") as caught:
        find_architecture("resnet")
    assert all(name in str(caught.value) for name in ARCHITECTURES)
