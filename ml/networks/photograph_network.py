"""The network for photographs: EfficientNet-Lite0 as trained on ImageNet, with a head for our classes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.images.preprocessing import Framing
from ml.networks import class_map
from ml.networks.efficientnet_lite import IMAGENET_CLASSES, efficientnet_lite0, load_imagenet
from ml.networks.photograph_head import LEAST_SUM, Head

if TYPE_CHECKING:
    import keras

#: The centre crop that ImageNet's networks are tested with: measured better than the whole picture, and than both.
FRAMING = Framing(squareness=1.0, margin=0.125)


def backbone(size: int, weights: Path | None = None) -> "keras.Model":
    """Return EfficientNet-Lite0 for ImageNet's thousand classes. Raises WeightsMissing."""
    model = efficientnet_lite0((size, size, 3), IMAGENET_CLASSES)
    load_imagenet(model, weights)
    return model


def corrected_network(imagenet: "keras.Model", head: Head) -> "keras.Model":
    """Return the network: pixels 0-255 in, probabilities (N, 11) out.

    Its last layer is dense, over the features and the logarithms of ImageNet's summed probabilities.
    """
    import keras

    sums = keras.layers.Dense(len(class_map.PHOTOGRAPH_CLASSES), use_bias=False, trainable=False, name="sums")
    logarithms = keras.ops.log(keras.ops.maximum(sums(imagenet.output), LEAST_SUM))
    joined = keras.layers.Concatenate(name="seen")([imagenet.get_layer("features").output, logarithms])
    last = keras.layers.Dense(len(class_map.PHOTOGRAPH_CLASSES), activation="softmax", name="probabilities")
    model = keras.Model(imagenet.input, last(joined), name="photographs")
    sums.set_weights([class_map.sums()])
    last.set_weights([np.concatenate([head.weights, np.eye(len(head.bias), dtype=np.float32)]), head.bias])
    return model
