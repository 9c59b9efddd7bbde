"""What a backbone sees in an image, as a row: computed once, then used by every head of own classes."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from classifier.models import Classifier, Features
from classifier.services.models.backbone import active_backbone
from classifier.services.models.serving import NoModel, ServedModel
from classifier.services.people.ownership import Owner, belongs_to
from ml.artifacts.folder import LITERT_FILE
from ml.data.duplicates import Signature

#: The side to which an image is brought before its sharpness is measured.
_SIDE = 128


class Vector(NamedTuple):
    """Features of an image, float32 (F,), and the digest of the network that computed them."""

    values: np.ndarray
    backbone: str


def describe_vector(*, vector: Vector, picture: Image.Image) -> Features:
    """Return the unsaved features of a decoded picture, without its upload."""
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    signature = Signature.of(np.asarray(small))
    return Features(
        backbone=vector.backbone,
        vector=vector.values.astype("<f2").tobytes(),
        signature=signature.hash.astype("<u8").tobytes() + signature.colour.astype(np.uint8).tobytes(),
        sharpness=sharpness(small),
    )


def sharpness(picture: Image.Image) -> float:
    """The variance of the Laplacian of a picture in grey: small for a blurred one (Pech-Pacheco et al. 2000)."""
    grey = np.asarray(picture.convert("L"), np.float32)
    middle = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle).var())


def worth_storing(*, vector: Vector, served: ServedModel, owner: Owner) -> bool:
    """Whether a head will want these features: the owner has classifiers on the network that computed them."""
    if served.version.classifier_id is not None:
        return True
    if not Classifier.objects.filter(belongs_to(owner)).exists():
        return False
    try:
        return active_backbone().digest == vector.backbone
    except NoModel:
        return False


def digest_of(served: ServedModel, network: str) -> str:
    """The digest of the graph of one of a model's networks; a head has that of its backbone."""
    return served.model.networks[network].card.files[LITERT_FILE]
