"""EfficientNet-Lite0, the backbone for photos, pretrained on ImageNet.

Tan and Le 2019, in the variant for phones (Liu 2020): no squeeze-and-excitation, ReLU6 instead of swish, a stem and a
head of fixed width. Its weights are stored once, in the shipped network for photographs; imagenet_weights/README.md
says where they come from.
"""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ml.networks.class_map import IMAGENET_CLASSES
from ml.networks.pretrained import WeightsMissing, enlarged

if TYPE_CHECKING:
    import keras

#: A model that has the weights, in layers of the same names.
WEIGHTS = Path(__file__).parents[1] / "trained" / "cifar10_duo" / "photographs" / "model.keras"
#: SHA-256 of the file that they were converted from.
FINGERPRINT = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FEATURES = 1280
_STEM = 32


class Stage(NamedTuple):
    """A stage of blocks; the first may halve the image."""

    blocks: int
    kernel_size: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite0(input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
    """Return the untrained network: pixels 0-255 in, probabilities of `class_count` classes out."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(enlarged(inputs))
    x = _convolution(x, _STEM, 3, stride=2, name="conv_stem", normalization="bn0")
    number = 0
    for stage in STAGES:
        for position in range(stage.blocks):
            x = _block(x, stage, stage.stride if position == 0 else 1, f"blocks.{number}")
            number += 1
    x = _convolution(x, FEATURES, 1, name="conv_head", normalization="bn1")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    # Softmax in float32, whatever the network's precision.
    outputs = layers.Dense(class_count, activation="softmax", dtype="float32", name="fc")(x)
    return Model(inputs, outputs, name="efficientnet_lite0")


def load_imagenet(model: "keras.Model", file: Path | None = None) -> None:
    """Set the weights of every layer to those learnt on ImageNet, from WEIGHTS or from another model with its layers.

    A last layer for classes other than ImageNet's thousand stays as it is. Raises WeightsMissing.
    """
    import keras

    path = file or WEIGHTS
    try:
        source = keras.saving.load_model(path, compile=False)
        for layer in model.layers:
            if layer.weights and (layer.name != "fc" or layer.units == IMAGENET_CLASSES):
                layer.set_weights(source.get_layer(layer.name).get_weights())
    except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise WeightsMissing(
            f"{path} does not hold the weights of EfficientNet-Lite0 ({error}). Give a model that was made of it, such "
            f"as {WEIGHTS.relative_to(WEIGHTS.parents[4])}, which comes with the project."
        ) from error


def _block(x: "keras.KerasTensor", stage: Stage, stride: int, name: str) -> "keras.KerasTensor":
    """An inverted residual: expand, convolve depthwise, project, and add the input."""
    from keras import layers

    entered, filters = x, x.shape[-1]
    if stage.expansion != 1:
        x = _convolution(x, filters * stage.expansion, 1, name=f"{name}.expand_conv", normalization=f"{name}.bn0")
    x = layers.DepthwiseConv2D(
        stage.kernel_size, strides=stride, padding="same", use_bias=False, name=_name(f"{name}.depthwise_conv")
    )(x)
    x = layers.ReLU(6)(_normalization(x, f"{name}.bn1"))
    x = layers.Conv2D(stage.filters, 1, use_bias=False, name=_name(f"{name}.project_conv"))(x)
    x = _normalization(x, f"{name}.bn2")
    return layers.Add()([x, entered]) if stride == 1 and filters == stage.filters else x


def _convolution(
    x: "keras.KerasTensor", filters: int, kernel_size: int, *, stride: int = 1, name: str, normalization: str
) -> "keras.KerasTensor":
    from keras import layers

    x = layers.Conv2D(filters, kernel_size, strides=stride, padding="same", use_bias=False, name=_name(name))(x)
    return layers.ReLU(6)(_normalization(x, normalization))


def _normalization(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    from keras import layers

    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=_name(name))(x)


def _name(path: str) -> str:
    """A layer's name from PyTorch's path: TensorFlow allows no dots at the beginning of a scope's name."""
    return path.replace(".", "-")
