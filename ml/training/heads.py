"""A linear head on frozen features, trained on a few images in seconds.

Softmax regression with a penalty on the weights (a linear probe: Alain and Bengio 2016), at its unique minimum.
Fine-tuning starts from it: large gradients of a random head would distort the features (Kumar et al. 2022).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ml.confidence import calibration
from ml.data.dataset import Split, batch_size, stratified_split

if TYPE_CHECKING:
    import keras

#: Fewer images per class than this, on average, are too few to fine-tune a whole network on.
FEWEST_TO_FINE_TUNE = 100
#: More images do not improve a head.
_MOST_IMAGES = 2_000
#: On features scaled to a mean square length of one.
PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5)
_STEPS = 1_000
_SMALLEST_GRADIENT = 1e-6
_BATCH = 100


class Head(NamedTuple):
    """A dense layer before its softmax: kernel, float32 (features, classes), and bias, float32 (classes,)."""

    kernel: np.ndarray
    bias: np.ndarray

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return calibration.softmax(features @ self.kernel + self.bias)


class Fit(NamedTuple):
    """How well a head fits: mean log-loss in nats and accuracy, on its training and validation images."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


def fit_head(
    model: "keras.Model", train: Split, validation: Split, progress: Callable[[int, int], None] | None = None
) -> Fit:
    """Set the last layer of `model` to the head that fits the features before it; the other layers stay as they are.

    The penalty with the lowest validation loss is used. `progress` gets the numbers of batches done and in total.
    """
    if len(train.labels) > _MOST_IMAGES:
        train = train.take(stratified_split(train.labels, _MOST_IMAGES, seed=0)[1])
    steps = [range(0, len(split.labels), batch_size(split.images.shape[1:], _BATCH)) for split in (train, validation)]
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(steps[0]) + len(steps[1]))

    features = [_features(model, split, starts, count) for split, starts in zip((train, validation), steps)]
    classes = model.output_shape[-1]
    heads = [fit(features[0], train.labels, classes, penalty) for penalty in PENALTIES]
    fits = [
        Fit(*_scores(head, features[0], train.labels), *_scores(head, features[1], validation.labels)) for head in heads
    ]
    best = min(range(len(fits)), key=lambda number: fits[number].validation_loss)
    model.layers[-1].set_weights(list(heads[best]))
    return fits[best]


def fit(features: np.ndarray, labels: np.ndarray, classes: int, penalty: float) -> Head:
    """Minimise the mean log-loss on features (N, F) plus `penalty` times the squared norm of the weights.

    Nesterov's accelerated gradient with restarts (O'Donoghue and Candes 2015).
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scale = max(float(np.sqrt(((features - mean) ** 2).sum(axis=1).mean())), 1e-12)
    rows = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    wanted = np.eye(classes)[labels]
    penalties = np.full((rows.shape[1], 1), 2 * penalty)
    penalties[-1] = 0
    # The curvature of the log-loss is at most half of that of the squared rows, whose mean is two.
    step = 1 / (1.0 + 2 * penalty)
    found = ahead = np.zeros((rows.shape[1], classes))
    momentum = 1.0
    for _ in range(_STEPS):
        gradient = rows.T @ (calibration.softmax(rows @ ahead) - wanted) / len(rows) + penalties * ahead
        if np.abs(gradient).max() < _SMALLEST_GRADIENT:
            break
        following = ahead - step * gradient
        if (gradient * (following - found)).sum() > 0:
            momentum = 1.0
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / faster * (following - found)
        found, momentum = following, faster
    kernel = found[:-1] / scale
    return Head(kernel.astype(np.float32), (found[-1] - mean @ kernel).astype(np.float32))


def _scores(head: Head, features: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    probabilities = head.probabilities(features)
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return calibration.negative_log_likelihood(probabilities, labels), accuracy


def _features(model: "keras.Model", split: Split, starts: range, count: Callable[[], None]) -> np.ndarray:
    import keras

    # Dropout is inactive at prediction.
    network = keras.Model(model.input, model.layers[-1].input)
    parts = []
    for start in starts:
        images = split.images[start : start + starts.step].astype("float32")
        parts.append(np.asarray(keras.ops.convert_to_numpy(network.predict_on_batch(images)), np.float32))
        count()
    return np.concatenate(parts)
