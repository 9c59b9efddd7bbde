"""How far the layers for PyTorch are from Keras's own, as JSON: for a process of its own, on that backend.

KERAS_BACKEND=torch python -m ml.tests.faster_layers ARCHITECTURE
"""

import json
import sys

import keras
import numpy as np

from ml.networks import torch_layers
from ml.networks.registry import find_architecture


def main(architecture: str) -> None:
    keras.utils.set_random_seed(0)
    plain = find_architecture(architecture).build((16, 16, 3), 3)
    for layer in plain.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
            rng = np.random.default_rng(0)
            layer.set_weights([rng.uniform(0.5, 1.5, array.shape) for array in layer.get_weights()])
    faster = torch_layers.faster(plain)
    images = np.random.default_rng(0).integers(0, 256, (256, 16, 16, 3)).astype("float32")

    def outputs(model: keras.Model, training: bool) -> np.ndarray:
        return keras.ops.convert_to_numpy(model(images, training=training))

    found = {
        "substituted": sum(type(one) is not type(other) for one, other in zip(plain.layers, faster.layers)),
        "same names": [layer.name for layer in plain.layers] == [layer.name for layer in faster.layers],
        "same paths": [weights.path for weights in plain.weights] == [weights.path for weights in faster.weights],
        "serving": float(np.abs(outputs(plain, False) - outputs(faster, False)).max()),
        "training": float(np.abs(outputs(plain, True) - outputs(faster, True)).max()),
        "weights": max(
            float(np.abs(one - other).max()) for one, other in zip(plain.get_weights(), faster.get_weights())
        ),
        "moved": float(np.abs(faster.layers[3].get_weights()[-2] - 1).max()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
