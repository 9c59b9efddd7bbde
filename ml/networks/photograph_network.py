"""The network for photographs: EfficientNet-Lite0 as it was trained on ImageNet, its classes summed into ours.

ImageNet has no deer. The classes that its networks give to photographs of deer, antelopes and wild goats, are split in
two: what looks like a deer in them, and what does not. That much is learnt, from thumbnails of deer and other things.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ml.data.dataset import Split
from ml.images.preprocessing import Framing, to_input
from ml.networks import class_map
from ml.networks.efficientnet_lite import IMAGENET_CLASSES, efficientnet_lite0, load_imagenet
from ml.networks.photograph_head import LEAST_SUM, Head

if TYPE_CHECKING:
    import keras

#: The middle of the picture, as ImageNet's networks are tested: measured better than the whole at every size.
FRAMING = Framing(squareness=1.0, margin=0.125)

_DEER_MEASURED, _OTHERS_MEASURED = 1500, 4500
_PENALTY = 0.01
_NEWTON_STEPS = 25
_BATCH = 50


class Direction(NamedTuple):
    """A line in the space of features, float32 (features,), and where it crosses: `features @ weights + bias` is the
    logit of being a deer.
    """

    weights: np.ndarray
    bias: float


def backbone(size: int, weights: Path | None = None) -> "keras.Model":
    """Return EfficientNet-Lite0 for ImageNet's thousand classes. Raises WeightsMissing."""
    model = efficientnet_lite0((size, size, 3), IMAGENET_CLASSES)
    load_imagenet(model, weights)
    return model


def learn_deer(imagenet: "keras.Model", thumbnails: Split, deer: int) -> Direction:
    """Learn what tells deer from everything else, from enlarged thumbnails; `deer` is the label of the former."""
    rng = np.random.default_rng(0)
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(of_kind))[:count]
            for of_kind, count in (
                (thumbnails.labels == deer, _DEER_MEASURED),
                (thumbnails.labels != deer, _OTHERS_MEASURED),
            )
        ]
    )
    return fit_direction(_features(imagenet, thumbnails.images[chosen]), thumbnails.labels[chosen] == deer)


def fit_direction(features: np.ndarray, positive: np.ndarray, penalty: float = _PENALTY) -> Direction:
    """Logistic regression of `positive`, bool (N,), on features (N, F): mean log-loss plus `penalty` times the squared
    length of the weights, at its one minimum, which Newton's method finds.
    """
    rows = np.column_stack([features.astype(np.float64), np.ones(len(features))])
    penalties = np.append(np.full(features.shape[1], 2 * penalty), 0.0)
    found = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        gradient = rows.T @ (probabilities - positive) / len(rows) + penalties * found
        curvature = rows.T @ (rows * (probabilities * (1 - probabilities))[:, None]) / len(rows)
        step = np.linalg.solve(curvature + np.diag(penalties + 1e-9), gradient)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    return Direction(found[:-1].astype(np.float32), float(found[-1]))


def photograph_network(imagenet: "keras.Model", deer: Direction) -> "keras.Model":
    """Return the network: pixels 0-255 in, probabilities (N, 11) out.

    Each of the classes that stand for deer has a twin, whose logit is its own and that of `deer`: of the probability of
    both, the twin has the share that `deer` gives.
    """
    import keras

    kernel, bias = imagenet.layers[-1].get_weights()
    twins = class_map.stand_ins()
    model = efficientnet_lite0(imagenet.input_shape[1:], len(bias) + len(twins))
    for layer, source in zip(model.layers[:-1], imagenet.layers[:-1], strict=True):
        layer.set_weights(source.get_weights())
    model.layers[-1].set_weights(
        [
            np.column_stack([kernel, kernel[:, twins] + deer.weights[:, None]]),
            np.concatenate([bias, bias[twins] + deer.bias]),
        ]
    )
    sums = keras.layers.Dense(len(class_map.PHOTOGRAPH_CLASSES), use_bias=False, trainable=False, name="sums")
    summed = keras.Model(model.input, sums(model.output), name="photographs")
    sums.set_weights([class_map.matrix()])
    return summed


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


def _features(imagenet: "keras.Model", thumbnails: np.ndarray) -> np.ndarray:
    import keras

    network = keras.Model(imagenet.input, imagenet.get_layer("features").output)
    size = imagenet.input_shape[1]
    return np.concatenate(
        [
            network.predict_on_batch(
                np.stack(
                    [to_input(Image.fromarray(image), size, size) for image in thumbnails[start : start + _BATCH]]
                ).astype("float32")
            )
            for start in range(0, len(thumbnails), _BATCH)
        ]
    )
