"""The Keras network as ONNX, for the peers: `python -m benchmarks.serving.onnx_export model.keras model.onnx`."""

import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime

_TOLERANCE = 1e-5


def main() -> None:
    """Write the file, and fail if its outputs differ from the network's."""
    source, target = map(Path, sys.argv[1:])
    network = keras.saving.load_model(source)
    images = np.random.default_rng(0).integers(0, 256, (4, *network.input_shape[1:])).astype(np.float32)
    expected = network.predict(images, verbose=0)
    network.export(target, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(target)
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, expected, atol=_TOLERANCE)


if __name__ == "__main__":
    main()
