"""The training images most similar to an upload, if the model has an index."""

import base64
import logging
from dataclasses import dataclass
from pathlib import Path

from ml.artifacts.folder import ArtifactError
from ml.serving import neighbours
from ml.serving.inference import LoadedModel, NetworkInput

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingImage:
    """closeness: one of ml.serving.neighbours.CLOSENESS. address: the picture itself, as a data URI."""

    class_name: str
    similarity: float
    closeness: str
    address: str


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest of `count` training images, nearest first."""

    images: list[TrainingImage]
    count: int


def neighbourhood(*, folder: Path, model: LoadedModel, network_input: NetworkInput) -> Neighbourhood | None:
    """Return the training images most like what a network of the model in `folder` saw; None without a usable index."""
    network = model.networks[network_input.network]
    try:
        index = neighbours.load(folder / network_input.network, network.card)
        if index is None:
            return None
        found = index.nearest(network.outputs(network_input.pixels[None]).features[0])
    except ArtifactError as error:
        # The neighbours are optional: the rest of the explanation works without them.
        logger.warning("Training images are not shown: %s", error)
        return None
    images = [
        TrainingImage(network.class_names[label], similarity, closeness, _address(picture))
        for label, similarity, closeness, picture in found
    ]
    return Neighbourhood(images, index.count)


def _address(picture: bytes) -> str:
    # A few kilobytes, so a data URL; one URL per image would let anyone request all the others.
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
