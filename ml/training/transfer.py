"""Transfer from a trained model: initial weights, or a teacher for distillation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.artifacts import folder as artifacts
from ml.artifacts.export import outputs_of
from ml.confidence import calibration
from ml.networks import torch_layers
from ml.networks.policy import dtype_policy
from ml.networks.registry import find_architecture

if TYPE_CHECKING:
    import keras

#: Images, float32 (N, H, W, C) of 0-255, to probabilities (N, classes).
Teacher = Callable[[np.ndarray], np.ndarray]


class TransferError(Exception):
    """The trained model does not fit the run; the message says why."""


@dataclass(frozen=True)
class ModelSource:
    """A trained model's folder and the SHA-256 of its network, which detects another model under the same path."""

    name: str
    architecture: str
    folder: str
    sha256: str

    @classmethod
    def of(cls, folder: Path) -> "ModelSource":
        """Raise ArtifactError when the folder contains no undamaged model."""
        card = artifacts.verify(folder)
        return cls(card.name, card.architecture, str(folder.resolve()), card.files[artifacts.KERAS_FILE])

    def load(self) -> tuple["keras.Model", artifacts.Card]:
        """Return the network and its card. Raises ArtifactError, or TransferError if the model has changed."""
        import keras

        card = artifacts.verify(Path(self.folder))
        if card.files[artifacts.KERAS_FILE] != self.sha256:
            raise TransferError(f"{self.folder} no longer contains the model {self.name} that the run started from.")
        return keras.models.load_model(Path(self.folder) / artifacts.KERAS_FILE, compile=False), card


def take_weights(model: "keras.Model", source: ModelSource) -> list[str]:
    """Copy the weights of `source`, of the same architecture, to `model`, layer by layer.

    Layers of other shapes, such as the last one for other classes, are skipped; their names are returned. Raises
    TransferError and ArtifactError.
    """
    trained, _card = source.load()
    left = []
    for layer, other in zip(model.layers, trained.layers, strict=True):
        weights = other.get_weights()
        if [array.shape for array in weights] == [array.shape for array in layer.get_weights()]:
            layer.set_weights(weights)
        else:
            left.append(layer.name)
    return left


def teacher(
    source: ModelSource,
    *,
    class_names: tuple[str, ...],
    image_shape: tuple[int, int, int],
    temperature: float,
    compute_dtype: str,
) -> Teacher:
    """Return a function: the softmax of the trained model's logits divided by `temperature` (Hinton et al. 2015).

    Raises TransferError if its classes or image shape differ, and ArtifactError.
    """
    trained, card = source.load()
    if card.class_names != class_names:
        raise TransferError(f"The teacher {source.name} has different classes: {', '.join(card.class_names)}.")
    if card.input_shape != image_shape:
        raise TransferError(
            f"The teacher {source.name} takes images of {' x '.join(map(str, card.input_shape[:2]))} pixels, not of "
            f"{' x '.join(map(str, image_shape[:2]))}."
        )
    with dtype_policy(compute_dtype):
        network = find_architecture(card.architecture).build(image_shape, len(class_names))
        network.set_weights(trained.get_weights())
        outputs = outputs_of(torch_layers.faster(network))

    def predict(images: np.ndarray) -> np.ndarray:
        return calibration.softmax(outputs(images).logits, temperature)

    return predict
