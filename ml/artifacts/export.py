"""Write a trained Keras model as files: `model.keras`, and the LiteRT graph that computes the same without Keras."""

import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.artifacts import probe, quantization
from ml.artifacts.folder import KERAS_FILE, LITERT_FILE
from ml.artifacts.litert import Graph
from ml.confidence import calibration
from ml.confidence.decision import Outputs
from ml.data.dataset import batch_size
from ml.data.pixel_file import PixelFile

if TYPE_CHECKING:
    import keras

#: The largest allowed difference between probabilities of the exported graph and the Keras model.
TOLERANCE = 1e-4
#: The accuracy that int8 may cost: the share of validation images that it gets wrong and float32 does not.
LARGEST_LOSS = 0.003
#: With fewer images, a single error exceeds that share, so the graph stays in float32.
FEWEST_TO_CHOOSE = round(1 / LARGEST_LOSS)
#: The weights file in a Keras archive.
_WEIGHTS = "model.weights.h5"
#: The number of weights from which a kernel is rounded more coarsely than to float16.
_LARGE = 2**16
_IMAGES_COMPARED = 256
_BATCH = 250


class ExportError(Exception):
    """The exported graph does not compute the same as the Keras model."""


def round_kernels(model: "keras.Model") -> None:
    """Round the model's kernels to the values that its file will store; they stay float32 arrays.

    Biases and batch-norm statistics are not rounded: they are tiny and may exceed float16.
    """
    model.set_weights([_rounded(weights) if weights.ndim > 1 else weights for weights in model.get_weights()])


def _rounded(kernel: np.ndarray) -> np.ndarray:
    """Round to float16, and a large kernel to multiples of a power of two: half as many bytes when compressed.

    The step is between 1/32 and 1/16 of the standard deviation, about as fine as int8 by channel.
    """
    deviation = kernel.std()
    if kernel.size >= _LARGE and deviation > 0:
        step = 2.0 ** np.floor(np.log2(deviation / 16))
        kernel = np.round(kernel / step) * step
    return kernel.astype(np.float16).astype(np.float32)


def serving_network(model: "keras.Model") -> "keras.Model":
    """Return the network to serve: the same weights, but with logits and features, concatenated, as its output.

    The model's last layer must be the dense one that turns features into probabilities: softmax hides what
    calibration and abstention need. Raises ExportError for other models.
    """
    import keras

    head = model.layers[-1]
    if not (isinstance(head, keras.layers.Dense) and head.activation is keras.activations.softmax):
        raise ExportError(f"The last layer of {model.name} is {head.name}, not a dense layer with softmax.")
    features = _features(model)
    linear = keras.layers.Dense(head.units, use_bias=head.use_bias, dtype="float32", name="logits")
    both = keras.layers.Concatenate(dtype="float32", name="logits_and_features")([linear(head.input), features])
    network = keras.Model(model.input, both, name=model.name)
    linear.set_weights(head.get_weights())
    return network


def outputs_of(model: "keras.Model") -> Callable[[np.ndarray], Outputs]:
    """Return a function that computes the served network's outputs with the model's current weights."""
    served, class_count = serving_network(model), model.output_shape[-1]
    return lambda images: Outputs.split(served.predict_on_batch(images.astype("float32")), class_count)


def _features(model: "keras.Model") -> "keras.KerasTensor":
    """Return the features: the output of the layer "features", or the input of the last layer."""
    for layer in model.layers:
        if layer.name == "features":
            return layer.output
    return model.layers[-1].input


def _may_be_int8(model: "keras.Model", image_count: int) -> bool:
    return image_count >= FEWEST_TO_CHOOSE and quantization.gains_by_int8(model)


def graph_to_serve(model: "keras.Model", images: np.ndarray) -> Graph:
    """Return the graph that `export` writes if int8 costs no accuracy, to train a head on its features.

    images: as for `export`. The model's kernels are rounded, in place.
    """
    round_kernels(model)
    network = serving_network(model)
    with tempfile.TemporaryDirectory() as folder:
        exact, rounded = Path(folder) / "float32.tflite", Path(folder) / "int8.tflite"
        network.export(exact, format="litert", verbose=False)
        if not _may_be_int8(model, len(images)):
            return Graph(exact.read_bytes(), threads=os.cpu_count() or 1)
        quantization.write_int8(network, exact, rounded, images)
        return Graph(rounded.read_bytes(), threads=os.cpu_count() or 1)


def export(
    model: "keras.Model", folder: Path, images: np.ndarray | PixelFile, labels: np.ndarray | None = None
) -> dict[str, Any]:
    """Write both files into `folder` and compare them on `images`, pixels (N, H, W, C).

    The model's kernels are rounded first, in place: both files have the same weights.
    With their `labels` (N,), and enough of them, the graph computes in int8, several times faster, if that costs at
    most 0.3 points of accuracy on them. Returns the entries for the card. Raises ExportError when a probability of
    the float32 graph differs by more than 1e-4.
    """
    round_kernels(model)
    keras_path, litert_path = folder / KERAS_FILE, folder / LITERT_FILE
    model.save(keras_path)
    _compress(keras_path)
    network, class_count = serving_network(model), model.output_shape[-1]
    network.export(litert_path, format="litert", verbose=False)
    found = _compare(model, _logits(litert_path, images[:_IMAGES_COMPARED], class_count), images[:_IMAGES_COMPARED])
    arithmetic = "float32"
    if labels is not None and _may_be_int8(model, len(labels)):
        rounded = folder / f"int8-{LITERT_FILE}"
        quantization.write_int8(network, litert_path, rounded, images)
        accuracies = {
            name: float((_logits(path, images, class_count).argmax(axis=1) == labels).mean())
            for name, path in (("float32", litert_path), ("int8", rounded))
        }
        found["accuracy_by_arithmetic"] = accuracies
        if accuracies["int8"] >= accuracies["float32"] - LARGEST_LOSS:
            arithmetic = "int8"
            os.replace(rounded, litert_path)
        else:
            rounded.unlink()
    probed = calibration.softmax(_logits(litert_path, probe.images(images.shape[1:]), class_count))
    return {
        **found,
        "arithmetic": arithmetic,
        "probe": probed.tolist(),
        "keras_bytes": keras_path.stat().st_size,
        "litert_bytes": litert_path.stat().st_size,
    }


def _compare(model: "keras.Model", logits: np.ndarray, images: np.ndarray) -> dict[str, Any]:
    expected = model.predict(images.astype("float32"), batch_size=batch_size(images.shape[1:], _BATCH), verbose=0)
    difference = float(np.abs(calibration.softmax(logits) - expected).max())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"The LiteRT graph differs from the Keras model by {difference:.1e} on {len(images)} images; "
            f"at most {TOLERANCE:.0e} is allowed. Nothing was published."
        )
    return {"largest_difference": difference, "images_compared": len(images)}


def _logits(path: Path, images: np.ndarray | PixelFile, class_count: int) -> np.ndarray:
    graph = Graph(path.read_bytes(), threads=os.cpu_count() or 1)
    at_once = batch_size(images.shape[1:], _BATCH)
    parts = [graph(images[start : start + at_once])[:, :class_count] for start in range(0, len(images), at_once)]
    return np.concatenate(parts)


def _compress(path: Path) -> None:
    """Write the archive anew with kernels as float16 and everything compressed; Keras reads either.

    bzip2 comes within 6% of the entropy of rounded kernels; deflate needs a sixth more.
    """
    temporary = path.with_suffix(".zip")
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(temporary, "w", zipfile.ZIP_BZIP2) as compressed:
        for entry in stored.infolist():
            content = stored.read(entry)
            compressed.writestr(entry.filename, _in_float16(content) if entry.filename == _WEIGHTS else content)
    os.replace(temporary, path)


def _in_float16(content: bytes) -> bytes:
    """Return the HDF5 file with the arrays that `round_kernels` rounds stored as what they are."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(buffer, "w") as target:

        def copy(name: str, item: "h5py.Group | h5py.Dataset") -> None:
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            elif item.ndim > 1:
                made = target.create_dataset(name, data=item[()].astype(np.float16))
            else:
                made = target.create_dataset(name, data=item[()])
            made.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return buffer.getvalue()
