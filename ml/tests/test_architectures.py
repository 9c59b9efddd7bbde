import math

import numpy as np
import pytest

from ml.classes import CLASS_NAMES, IMAGE_SHAPE
from ml.networks.registry import ARCHITECTURES, DEFAULT_ARCHITECTURE, UnknownArchitecture, find_architecture
from ml.tests.factories import photograph, some_images
from ml.training.recipes import RECIPES


@pytest.fixture(scope="module")
def student():
    return find_architecture("student_cnn").build(IMAGE_SHAPE, len(CLASS_NAMES))


@pytest.fixture(scope="module")
def airbench():
    return find_architecture("airbench_resnet").build(IMAGE_SHAPE, len(CLASS_NAMES))


@pytest.fixture(scope="module")
def compact():
    return find_architecture("compact_resnet").build(IMAGE_SHAPE, len(CLASS_NAMES))


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


@pytest.mark.parametrize("name", ["student", "compact", "airbench"])
def test_network_answers_with_probabilities(name, request):
    probabilities = request.getfixturevalue(name)(some_images(3).astype("float32")).numpy()
    assert probabilities.shape == (3, 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert np.ptp(probabilities, axis=0).min() > 0


def multiply_adds(model) -> int:
    """Those of the convolutions and dense layers, for one image."""
    products = 0
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "Dense"):
            positions = math.prod(layer.output.shape[1:-1])
            products += positions * math.prod(layer.kernel.shape)
    return products


def test_compact_network_is_small_and_quick(compact):
    assert compact.count_params() < 3_000_000
    assert 100_000_000 < multiply_adds(compact) < 150_000_000


def test_airbench_network_has_the_size_that_its_docstring_says(airbench):
    assert airbench.count_params() == pytest.approx(7_400_000, rel=0.01)
    assert multiply_adds(airbench) == pytest.approx(411_000_000, rel=0.01)


def test_airbench_convolutions_initially_pass_their_input_through():
    architecture = find_architecture("airbench_resnet")
    model = architecture.build((16, 16, 3), 3)
    architecture.initialise(model, np.stack([np.asarray(photograph(16, 16, seed)) for seed in range(8)]))
    checked = 0
    for layer in model.layers:
        if type(layer).__name__ != "Conv2D" or layer.name == "whitening":
            continue
        images = np.random.default_rng(0).normal(size=(1, 5, 5, layer.input.shape[-1])).astype("float32")
        passed = min(layer.filters, images.shape[-1])
        outputs = np.asarray(layer(images))
        assert outputs[..., :passed] == pytest.approx(images[..., :passed], abs=1e-6)
        assert layer.filters == passed or np.ptp(outputs[..., passed:]) > 0.1
        checked += 1
    assert checked == 9


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(
    ("shape", "class_count"), [((9, 9, 3), 2), ((24, 17, 3), 3), ((64, 64, 3), 101)], ids=["9x9", "24x17", "64x64"]
)
def test_other_sizes_and_numbers_of_classes_build_a_network_that_ends_in_a_dense_softmax(name, shape, class_count):
    model = find_architecture(name).build(shape, class_count)
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, class_count)
    assert describe(model.layers[-1]) == ("Dense", class_count, "softmax")
    assert model.layers[-1].compute_dtype == "float32"


@pytest.mark.parametrize("name", ["compact_resnet", "airbench_resnet"])
def test_whitening_convolution_is_frozen_and_decorrelates_patches(name):
    pictures = [np.asarray(photograph(32, 32, seed)) for seed in range(40)]
    architecture = find_architecture(name)
    model = architecture.build((32, 32, 3), 10)
    architecture.initialise(model, np.stack(pictures))
    whitening = model.get_layer("whitening")
    assert not whitening.trainable_variables

    outputs = whitening(model.get_layer("rescale")(np.stack(pictures))).numpy().reshape(-1, 24)
    assert outputs[:, 12:] == pytest.approx(-outputs[:, :12], abs=1e-4)
    covariance = np.cov(outputs[:, :12], rowvar=False)
    assert covariance == pytest.approx(np.eye(12), abs=0.05)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_architecture_names_an_existing_recipe(architecture):
    assert architecture.recipe in RECIPES


def test_default_architecture_is_one_of_them():
    assert find_architecture(DEFAULT_ARCHITECTURE) is ARCHITECTURES[DEFAULT_ARCHITECTURE]


def test_unknown_architecture_error_lists_the_names():
    with pytest.raises(UnknownArchitecture, match="'resnet'") as caught:
        find_architecture("resnet")
    assert all(name in str(caught.value) for name in ARCHITECTURES)
