"""Write a trained Keras model as files: `model.keras`, and the LiteRT graph that gives the same answers without it."""

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.artifacts import KERAS_FILE, LITERT_FILE

if TYPE_CHECKING:
    import keras

#: Largest difference in any probability that the exported graph may show.
TOLERANCE = 1e-5


class ExportError(Exception):
    """The exported graph does not compute what the Keras model does."""


def round_to_float16(model: "keras.Model") -> None:
    """Round the model's kernels to float16 values; they stay float32 arrays, of which half the bits compress away.

    Biases and batch-norm statistics are left alone: they weigh nothing and may not fit float16.
    """
    model.set_weights(
        [
            weights.astype(np.float16).astype(np.float32) if weights.ndim > 1 else weights
            for weights in model.get_weights()
        ]
    )


def export(model: "keras.Model", folder: Path, images: np.ndarray) -> dict[str, Any]:
    """Write both files into `folder` and hold them against each other on `images`, pixels (N, H, W, C).

    Returns what was found, for the card. Raises ExportError when a probability differs by more than 1e-5.
    """
    keras_path, litert_path = folder / KERAS_FILE, folder / LITERT_FILE
    model.save(keras_path)
    _compress(keras_path)
    model.export(litert_path, format="litert", verbose=False)

    expected = model.predict(images.astype("float32"), batch_size=250, verbose=0)
    difference = float(np.abs(_run(litert_path, images) - expected).max())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"The LiteRT graph differs from the Keras model by {difference:.1e} on {len(images)} images; "
            f"at most {TOLERANCE:.0e} is allowed. Nothing was published."
        )
    return {
        "largest_difference": difference,
        "images_compared": len(images),
        "keras_bytes": keras_path.stat().st_size,
        "litert_bytes": litert_path.stat().st_size,
    }


def _compress(path: Path) -> None:
    """Deflate the archive that Keras stores uncompressed; Keras reads either."""
    temporary = path.with_suffix(".zip")
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as deflated:
        for entry in stored.infolist():
            deflated.writestr(entry.filename, stored.read(entry))
    os.replace(temporary, path)


def _run(path: Path, images: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, images.astype(np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
