"""The networks that can be trained, by name. A builder imports Keras only when it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.classes import IMAGE_SHAPE
from ml.networks import airbench_resnet
from ml.networks.compact_resnet import compact_resnet, whiten
from ml.networks.efficientnet_lite import efficientnet_lite0, load_imagenet
from ml.networks.pretrained import APPLICATIONS, IMAGENET_SIDE, WeightsMissing
from ml.networks.student_cnn import student_cnn

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    build: `(input_shape, class_count) -> keras.Model`; it takes pixels 0-255, and its last layer is the dense one
        whose softmax gives the probabilities.
    recipe: the name of the default recipe.
    initialise: sets weights of an untrained network from training images, uint8 (N, H, W, C), if it needs them.
    load_pretrained: loads ImageNet weights, from a file or from their usual place; raises WeightsMissing.
    image_size: the default side in pixels to which a folder's images are resized.
    """

    build: Callable[[tuple[int, int, int], int], "keras.Model"]
    recipe: str
    initialise: Callable[["keras.Model", np.ndarray], None] | None = None
    load_pretrained: Callable[["keras.Model", Path | None], None] | None = None
    image_size: int = IMAGE_SHAPE[0]


ARCHITECTURES = {
    "airbench_resnet": Architecture(
        airbench_resnet.airbench_resnet, recipe="sgd_triangle", initialise=airbench_resnet.initialise
    ),
    "compact_resnet": Architecture(compact_resnet, recipe="sgd_varied", initialise=whiten),
    "efficientnet_lite0": Architecture(
        efficientnet_lite0, recipe="fine_tune", load_pretrained=load_imagenet, image_size=IMAGENET_SIDE
    ),
    "student_cnn": Architecture(student_cnn, recipe="adam_cosine"),
    **{
        name: Architecture(
            application.build,
            recipe="fine_tune",
            load_pretrained=application.load_imagenet,
            image_size=IMAGENET_SIDE,
        )
        for name, application in APPLICATIONS.items()
    },
}
DEFAULT_ARCHITECTURE = "compact_resnet"

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_ARCHITECTURE",
    "Architecture",
    "UnknownArchitecture",
    "WeightsMissing",
    "find_architecture",
]


class UnknownArchitecture(ValueError):
    """No architecture has this name."""


def find_architecture(name: str) -> Architecture:
    """Return the architecture of this name; raise UnknownArchitecture, which lists the names there are."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        names = ", ".join(sorted(ARCHITECTURES))
        raise UnknownArchitecture(f"There is no architecture {name!r}. Choose one of: {names}.") from None
