"""A small residual network for small images: 2.8 million parameters, 139 million multiply-adds at 32 x 32 pixels.

Its plan is that of the speed-record networks for CIFAR-10 (Page 2018; Jordan 2024, "94% on CIFAR-10 in 3.29 seconds
on a single GPU", the variant for 96%): a frozen whitening convolution, three blocks that halve the image and end in a
residual pair of convolutions, global max pooling, and scaled-down logits.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

WIDTHS = (64, 224, 256)
#: Keeps the first logits small, as a smaller learning rate for the last layer would.
FEATURE_SCALE = 1 / 9
#: The name of the frozen convolution.
WHITENING = "whitening"

_PATCH = 2
_PATCHES_MEASURED = 500_000


def compact_resnet(input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
    """Build the network for pixels 0-255 of `input_shape` (height, width, channels); softmax over `class_count`."""
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    x = _normalised(whitening_convolution(x))
    for width in WIDTHS:
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(x)
        shortcut = x = _normalised(x)
        x = _normalised(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.Add()([layers.BatchNormalization()(x), shortcut])
        x = layers.ReLU()(x)
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Rescaling(FEATURE_SCALE, name="features")(x)
    outputs = layers.Dense(class_count, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="compact_resnet")


def whitening_convolution(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """Apply the frozen convolution, which `whiten` initialises, to pixels."""
    from keras import layers

    filters = 2 * _PATCH * _PATCH * x.shape[-1]
    return layers.Conv2D(filters, _PATCH, use_bias=False, trainable=False, name=WHITENING)(x)


def whiten(model: "keras.Model", images: np.ndarray) -> None:
    """Set the first convolution so that its outputs on 2 x 2 patches of `images` are uncorrelated, of equal variance.

    Its filters are the scaled eigenvectors of the patches' covariance, and their negatives (Page 2018, part 8).
    """
    rng = np.random.default_rng(0)
    height, width, channels = images.shape[1:]
    which = rng.integers(0, len(images), _PATCHES_MEASURED)
    rows = rng.integers(0, height - _PATCH + 1, _PATCHES_MEASURED)
    columns = rng.integers(0, width - _PATCH + 1, _PATCHES_MEASURED)
    patches = np.stack(
        [images[which, rows + y, columns + x] for y in range(_PATCH) for x in range(_PATCH)], axis=1
    ).reshape(_PATCHES_MEASURED, -1)
    values, vectors = np.linalg.eigh(np.cov(patches / 127.5, rowvar=False))
    filters = vectors / np.sqrt(values + 1e-4)
    kernel = np.concatenate([filters, -filters], axis=1).reshape(_PATCH, _PATCH, channels, -1)
    model.get_layer(WHITENING).set_weights([kernel.astype(np.float32)])


def _normalised(x: "keras.KerasTensor") -> "keras.KerasTensor":
    from keras import layers

    return layers.ReLU()(layers.BatchNormalization()(x))
