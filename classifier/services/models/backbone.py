"""The network whose features heads of people's own classes are fitted to: that for photographs of the active model."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.models import ModelVersion
from classifier.services.models.serving import NoModel, active_model, loaded_model
from ml.artifacts.folder import LITERT_FILE, ArtifactError
from ml.serving.inference import LoadedModel, Network
from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS, kind_of


@dataclass(frozen=True)
class Backbone:
    """digest: SHA-256 of the network's graph; features of another graph are others."""

    digest: str
    network: Network

    @classmethod
    def of(cls, model: LoadedModel) -> "Backbone":
        network = model.networks.get(PHOTOGRAPHS) or next(iter(model.networks.values()))
        return cls(network.card.files[LITERT_FILE], network)

    def prepare(self, picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Return what the network sees, uint8 (height, width, 3). size: of the whole file."""
        return self.network.prepare(picture, whole=kind_of(*size) == THUMBNAILS)

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Return the features, float32 (N, F), of pixels (N, height, width, 3)."""
        return self.network.outputs(pixels).features


def active_backbone() -> Backbone:
    """Return the backbone for new features. Raises NoModel."""
    return Backbone.of(active_model().model)


def backbone_of(digest: str) -> Backbone:
    """Return the backbone with this digest: the active one, or that of another version. Raises NoModel."""
    active = active_backbone()
    if active.digest == digest:
        return active
    for version in ModelVersion.objects.order_by("-pk"):
        try:
            found = Backbone.of(loaded_model(version))
        except ArtifactError:
            continue
        if found.digest == digest:
            return found
    raise NoModel("The network that this classifier was trained on is gone. Train the classifier again.")
