"""The network for photographs: EfficientNet-Lite0 as it was trained on ImageNet, its classes summed into ours."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml import class_map
from ml.architectures.efficientnet_lite import IMAGENET_CLASSES, efficientnet_lite0, load_imagenet
from ml.preprocessing import Framing

if TYPE_CHECKING:
    import keras

#: The middle of the picture, as ImageNet's networks are tested: measured better than the whole at every size.
FRAMING = Framing(squareness=1.0, margin=0.125)


def photograph_network(size: int, weights: Path | None = None) -> "keras.Model":
    """Return the network for images of `size` pixels a side: pixels 0-255 in, probabilities (N, 11) out.

    Nothing in it is trained here. Raises WeightsMissing where the weights of ImageNet cannot be had.
    """
    import keras

    backbone = efficientnet_lite0((size, size, 3), IMAGENET_CLASSES)
    load_imagenet(backbone, weights)
    sums = keras.layers.Dense(len(class_map.PHOTOGRAPH_CLASSES), use_bias=False, trainable=False, name="sums")
    model = keras.Model(backbone.input, sums(backbone.output), name="photographs")
    sums.set_weights([class_map.matrix()])
    return model
