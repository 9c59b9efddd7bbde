import io
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from ml.artifacts import folder as artifacts
from ml.artifacts import probe
from ml.artifacts.export import FEWEST_TO_CHOOSE, TOLERANCE, ExportError, export, round_kernels, serving_network
from ml.artifacts.litert import Graph
from ml.classes import CLASS_NAMES
from ml.confidence.calibration import softmax
from ml.confidence.decision import DecisionRule, Outputs
from ml.images.preprocessing import Framing, to_input
from ml.serving.inference import LoadedModel, Network
from ml.tests.factories import card, quadrants, scene, small_model, some_images

FEATURES = 1100


@pytest.fixture(scope="module")
def model():
    """A small network whose batch-norm statistics are such as float16 cannot hold."""
    network = small_model()
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(weights, 0.1).astype("float32") for weights in network.get_weights()])
    for layer in network.layers:
        if hasattr(layer, "moving_variance"):
            layer.moving_variance.assign(rng.uniform(1, 100_000, layer.moving_variance.shape))
    return network


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """The folder of that network, exported; what the export found; its weights before."""
    folder = tmp_path_factory.mktemp("exported")
    before = model.get_weights()
    found = export(model, folder, some_images(40))
    labels = np.arange(40) % 10
    outputs = Outputs.split(Graph((folder / artifacts.LITERT_FILE).read_bytes())(some_images(40)), 10)
    rule = DecisionRule.fit(outputs, labels, outputs, labels)
    rule.statistics.save(folder / artifacts.STATISTICS_FILE)
    artifacts.save_card(folder, card(**rule.as_dict()))
    return folder, found, before


@pytest.fixture(scope="module")
def loaded(exported) -> Network:
    return Network(exported[0])


def test_kernels_are_rounded_to_float16_and_nothing_else(model, exported):
    for weights, before in zip(model.get_weights(), exported[2]):
        assert weights.dtype == np.float32
        if before.size < 2**16:
            expected = before.astype(np.float16) if before.ndim > 1 else before
            assert np.array_equal(weights, expected)
        assert np.isfinite(weights).all()


def test_large_kernel_is_rounded_to_steps_of_a_sixteenth_of_its_deviation_or_less(model, exported):
    ((weights, before),) = [pair for pair in zip(model.get_weights(), exported[2]) if pair[0].size >= 2**16]
    steps = np.unique(np.diff(np.unique(weights)))
    assert before.std() / 32 <= steps.min() <= before.std() / 16
    assert np.array_equal(weights, weights.astype(np.float16))
    assert np.abs(weights - before).max() <= steps.min() / 2
    assert (exported[0] / artifacts.KERAS_FILE).stat().st_size < 1.1 * before.size


def test_file_has_the_kernels_as_float16_and_keras_reads_them(model, exported):
    import h5py
    import keras

    path = exported[0] / artifacts.KERAS_FILE
    kinds = set()
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(
            lambda _, item: kinds.add((item.ndim > 1, item.dtype.name)) if isinstance(item, h5py.Dataset) else None
        )
    assert kinds == {(True, "float16"), (False, "float32")}
    read = keras.saving.load_model(path)
    assert all(np.array_equal(*pair) for pair in zip(read.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize("count", [1, 2, 32])
def test_loaded_model_computes_what_the_keras_model_does(model, exported, loaded, count):
    images = some_images(count, seed=count)
    expected = model.predict(images.astype("float32"), verbose=0)
    outputs = loaded.outputs(images)
    assert (outputs.logits.shape, outputs.logits.dtype) == ((count, 10), np.float32)
    assert softmax(outputs.logits) == pytest.approx(expected, abs=TOLERANCE)
    assert np.ptp(expected, axis=1).min() > 0.01  # Not the same answer to everything.


def test_served_logits_are_made_of_the_features_beside_them(model, exported, loaded):
    import keras

    images = some_images(5)
    before_the_head = keras.Model(model.input, model.layers[-1].input)
    logits, features = loaded.outputs(images)
    assert features.shape == (5, FEATURES)
    assert features == pytest.approx(before_the_head(images.astype("float32")).numpy(), abs=1e-3)
    kernel, bias = model.layers[-1].get_weights()
    assert logits == pytest.approx(features @ kernel + bias, abs=1e-3)


def test_answers_follow_from_the_outputs_by_the_rule_of_the_card(exported, loaded):
    outputs, predictions = loaded.outputs(some_images(24)), loaded.predict(some_images(24))
    stated = artifacts.load_card(exported[0])
    assert predictions.probabilities.dtype == np.float32
    assert np.array_equal(predictions.probabilities, softmax(outputs.logits, stated.calibration["temperature"]))
    assert np.array_equal(predictions.scores, loaded.rule.scores(stated.abstention["score"], outputs))
    limit = stated.abstention["thresholds"][stated.abstention["score"]]
    assert np.array_equal(predictions.abstained, predictions.scores < limit)


def test_model_whose_card_names_no_score_always_answers(exported, tmp_path):
    shutil.copytree(exported[0], tmp_path / "model")
    artifacts.save_card(tmp_path / "model", card(calibration={"temperature": 2.0}))
    predictions = Network(tmp_path / "model").predict(some_images(24))
    assert not predictions.abstained.any()


def test_keras_file_gives_the_same_function_and_is_compressed(model, exported):
    import keras

    path = exported[0] / artifacts.KERAS_FILE
    images = some_images(8).astype("float32")
    again = keras.models.load_model(path)
    assert np.array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))
    with zipfile.ZipFile(path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_BZIP2}


def test_export_tells_what_it_found_and_leaves_the_two_files_alone(exported):
    folder, found, _ = exported
    assert 0 <= found["largest_difference"] <= TOLERANCE
    assert found["images_compared"] == 40
    assert found["keras_bytes"] == (folder / artifacts.KERAS_FILE).stat().st_size
    assert found["litert_bytes"] == (folder / artifacts.LITERT_FILE).stat().st_size
    assert {path.name for path in folder.iterdir()} == {*artifacts.MODEL_FILES, "card.json"}
    assert artifacts.verify(folder).files


def test_graph_that_cannot_be_shown_equal_is_refused(tmp_path):
    with pytest.raises(ExportError, match="differs from the Keras model by nan on 3 images"):
        export(small_model(bias=float("nan")), tmp_path, some_images(3))


def in_float32(model, images: np.ndarray) -> np.ndarray:
    """The class that the Keras network sees in each image."""
    return model.predict(images.astype("float32"), verbose=0).argmax(axis=1)


def decided(count: int, network: object = None) -> tuple[np.ndarray, object]:
    """Images, and a small network, or this one, that is far from undecided about any of them."""
    network = network or small_model()
    images = some_images(3 * count)[:, : network.input_shape[1], : network.input_shape[2]]
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([30 * kernel, bias])
    probabilities = np.sort(network.predict(images.astype("float32"), verbose=0), axis=1)
    clear = np.argsort(probabilities[:, -2] - probabilities[:, -1])[:count]
    return images[clear], network


def test_graph_computes_in_int8_where_that_costs_nothing(tmp_path):
    images, network = decided(FEWEST_TO_CHOOSE)
    (tmp_path / "float32").mkdir()
    (tmp_path / "int8").mkdir()
    whole = export(network, tmp_path / "float32", images)
    found = export(network, tmp_path / "int8", images, in_float32(network, images))
    assert (whole["arithmetic"], found["arithmetic"]) == ("float32", "int8")
    assert found["accuracy_by_arithmetic"]["float32"] == 1.0
    assert found["accuracy_by_arithmetic"]["int8"] >= 0.997
    assert found["litert_bytes"] < 0.4 * whole["litert_bytes"]
    assert {path.name for path in (tmp_path / "int8").iterdir()} == {artifacts.KERAS_FILE, artifacts.LITERT_FILE}
    graph = Graph((tmp_path / "int8" / artifacts.LITERT_FILE).read_bytes())
    # Every image has a range of its own: what it is asked beside changes nothing.
    assert np.array_equal(graph(images[:32]), np.concatenate([graph(images[n : n + 1]) for n in range(32)]))
    assert softmax(Outputs.split(graph(probe.images((32, 32, 3))), 10).logits).tolist() == found["probe"]


def test_graph_stays_in_float32_where_int8_would_cost_accuracy(tmp_path):
    network, images = small_model(), some_images(FEWEST_TO_CHOOSE)
    # Two classes that differ by less than int8 can tell, and are told apart by their labels.
    kernel, bias = network.layers[-1].get_weights()
    kernel[:, 1] = kernel[:, 0] + np.random.default_rng(0).normal(0, 1e-4, len(kernel))
    bias = np.where(np.arange(10) < 2, 2, bias)
    network.layers[-1].set_weights([kernel, bias])
    round_kernels(network)
    probabilities = network.predict(images.astype("float32"), verbose=0)
    bias[1] -= np.median(np.log(probabilities[:, 1] / probabilities[:, 0]))  # Half of the images are of either.
    network.layers[-1].set_weights([network.layers[-1].get_weights()[0], bias])
    found = export(network, tmp_path, images, in_float32(network, images))
    assert found["arithmetic"] == "float32"
    assert found["accuracy_by_arithmetic"]["int8"] < found["accuracy_by_arithmetic"]["float32"] - 0.003
    assert {path.name for path in tmp_path.iterdir()} == {artifacts.KERAS_FILE, artifacts.LITERT_FILE}


def test_graph_stays_in_float32_where_too_few_images_can_tell(tmp_path):
    images, network = decided(60)
    found = export(network, tmp_path, images, in_float32(network, images))
    assert found["arithmetic"] == "float32"
    assert "accuracy_by_arithmetic" not in found


def depthwise_network(*, scaled: bool = False):
    """A convolution, a depthwise one, and, if asked for, a gate as squeeze-and-excitation has it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    x = layers.DepthwiseConv2D(3, activation="relu")(x)
    if scaled:
        x = layers.Multiply()([x, layers.Conv2D(16, 1, activation="sigmoid")(x)])
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


def test_depthwise_convolutions_compute_on_integers_from_first_to_last(tmp_path):
    images, network = decided(FEWEST_TO_CHOOSE, depthwise_network())
    found = export(network, tmp_path, images, in_float32(network, images))
    assert found["arithmetic"] == "int8"
    tensors = Interpreter(str(tmp_path / artifacts.LITERT_FILE)).get_tensor_details()
    # What the first convolution gives the second.
    assert {tensor["dtype"] for tensor in tensors if tuple(tensor["shape"]) == (1, 6, 6, 16)} == {np.int8}
    graph = Graph((tmp_path / artifacts.LITERT_FILE).read_bytes())
    expected = network.predict(images[:8].astype("float32"), verbose=0)
    assert softmax(graph(images[:8])[:, :3]).argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()


def test_gated_depthwise_convolutions_stay_in_float32(tmp_path):
    images, network = some_images(FEWEST_TO_CHOOSE)[:, :8, :8], depthwise_network(scaled=True)
    found = export(network, tmp_path, images, in_float32(network, images))
    assert found["arithmetic"] == "float32"
    assert "accuracy_by_arithmetic" not in found


def ending_in(activation: str | None, *, layer_after: bool):
    import keras
    from keras import layers

    inputs = keras.Input((4,))
    x = layers.Dense(3, activation=activation, name="head")(inputs)
    return keras.Model(inputs, layers.Activation("softmax", name="last")(x) if layer_after else x, name="other")


@pytest.mark.parametrize(
    ("activation", "layer_after", "named"),
    [(None, False, "head"), ("sigmoid", False, "head"), (None, True, "last"), ("softmax", True, "last")],
)
def test_network_that_does_not_end_in_a_dense_softmax_cannot_be_served(activation, layer_after, named):
    with pytest.raises(ExportError, match=f"The last layer of other is {named}, not a dense layer with softmax"):
        serving_network(ending_in(activation, layer_after=layer_after))


def test_threads_get_what_one_after_the_other_would(exported):
    requests = [some_images(count, seed) for seed, count in enumerate([1, 7, 3, 32, 1, 2] * 8)]
    serial = Network(exported[0])
    expected = [serial.predict(images) for images in requests]
    shared = Network(exported[0])
    with ThreadPoolExecutor(6) as threads:
        predictions = list(threads.map(shared.predict, requests))
    for answer, other in zip(predictions, expected):
        assert all(map(np.array_equal, answer, other))


def test_answers_already_given_do_not_change_with_the_next(loaded):
    first = loaded.outputs(some_images(2, seed=1))
    kept = [values.copy() for values in first]
    loaded.outputs(some_images(2, seed=2))
    assert all(map(np.array_equal, first, kept))


def test_order_and_company_of_images_do_not_matter(loaded):
    images = some_images(9)
    together = loaded.predict(images).probabilities
    alone = np.concatenate([loaded.predict(image[None]).probabilities for image in images[::-1]])[::-1]
    assert alone == pytest.approx(together, abs=1e-6)


def test_pixels_may_be_of_any_number_type(loaded):
    images = some_images(2)
    assert all(map(np.array_equal, loaded.outputs(images), loaded.outputs(images.astype(np.float64))))


@pytest.mark.parametrize("shape", [(32, 32, 3), (1, 32, 32), (1, 31, 32, 3), (1, 32, 32, 4), (0, 3, 32, 32)])
def test_images_of_another_shape_are_refused(loaded, shape):
    with pytest.raises(ValueError, match=r"not \(N, 32, 32, 3\)"):
        loaded.predict(np.zeros(shape, np.uint8))


def test_loaded_model_knows_its_card(loaded):
    assert (loaded.class_names, loaded.input_shape) == (CLASS_NAMES, (32, 32, 3))


def test_picture_is_prepared_at_the_size_that_the_card_states(exported, loaded, tmp_path):
    shutil.copytree(exported[0], tmp_path / "model")
    artifacts.save_card(tmp_path / "model", card(input_shape=(16, 24, 3)))
    prepared = Network(tmp_path / "model").prepare(quadrants())
    assert (prepared.shape, prepared.dtype) == ((16, 24, 3), np.uint8)
    assert np.array_equal(loaded.prepare(quadrants()), to_input(quadrants(), 32, 32))


def test_photographs_are_framed_and_thumbnails_seen_whole(exported, tmp_path):
    shutil.copytree(exported[0], tmp_path / "model")
    framing, photograph = Framing(squareness=1.0, margin=0.25), scene(256)
    artifacts.save_card(tmp_path / "model", card(framing=asdict(framing)))
    model = LoadedModel(tmp_path / "model")
    seen = model.prepare(photograph)
    assert (seen.network, seen.whole) == ("", False)
    assert np.array_equal(seen.pixels, to_input(photograph, 32, 32, framing))
    for thumbnail in (photograph.resize((40, 32)), photograph.resize((256, 64))):
        seen = model.prepare(thumbnail)
        assert seen.whole
        assert np.array_equal(seen.pixels, to_input(thumbnail, 32, 32))


def test_model_without_framing_sees_everything_whole(exported):
    seen = LoadedModel(exported[0]).prepare(scene(256))
    assert seen.whole
    assert np.array_equal(seen.pixels, to_input(scene(256), 32, 32))


def test_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(artifacts.ArtifactError, match="not a model folder"):
        Network(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"PK"], ids=["missing", "empty", "damaged"])
def test_folder_without_good_statistics_is_refused(exported, content, tmp_path):
    shutil.copytree(exported[0], tmp_path / "model")
    path = tmp_path / "model" / "statistics.npz"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(artifacts.ArtifactError, match="train the model again") as caught:
        Network(tmp_path / "model")
    assert str(path) in str(caught.value)


def test_serving_needs_neither_tensorflow_nor_keras(exported, loaded):
    program = (
        "import sys; from pathlib import Path; from ml.serving.inference import Network; "
        "from ml.images.preprocessing import decode, to_input; from ml.tests.factories import encode, quadrants; "
        "pixels = to_input(decode(encode(quadrants(), 'PNG')).picture, 32, 32); "
        "print(Network(Path(sys.argv[1])).predict(pixels[None]).probabilities.argmax(), "
        "sorted({'tensorflow', 'keras', 'django'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(exported[0])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split()[0].isdigit()
    assert said.split()[1] == "[]"
