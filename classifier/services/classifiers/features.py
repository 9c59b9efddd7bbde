"""Features of uploads: computed once for each backbone, and deleted with the upload."""

from collections.abc import Iterable
from uuid import UUID

import numpy as np
from PIL import Image

from classifier.models import Features, Upload
from classifier.services.models.backbone import Backbone
from classifier.services.predictions.turns import Workers, turn
from classifier.services.predictions.working_copies import picture_of
from ml.data.duplicates import Signature
from ml.images.preprocessing import DecodedImage

#: The side to which an image is brought before its sharpness is measured.
_SIDE = 128


def describe_features(*, decoded: DecodedImage, backbone: Backbone) -> Features:
    """Return the unsaved features of a decoded image, without its upload. Raises turns.Busy."""
    with turn(Workers.INTERPRETERS):
        pixels = backbone.prepare(decoded.picture, decoded.size)
        vector = backbone.features(pixels[None])[0]
    small = decoded.picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    signature = Signature.of(np.asarray(small))
    return Features(
        backbone=backbone.digest,
        vector=vector.astype("<f2").tobytes(),
        signature=signature.hash.astype("<u8").tobytes() + signature.colour.astype(np.uint8).tobytes(),
        sharpness=sharpness(small),
    )


def sharpness(picture: Image.Image) -> float:
    """The variance of the Laplacian of a picture in grey: small for a blurred one (Pech-Pacheco et al. 2000)."""
    grey = np.asarray(picture.convert("L"), np.float32)
    middle = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle).var())


def add_missing_features(*, uploads: Iterable[Upload], backbone: Backbone) -> None:
    """Compute and store the features of those of the uploads that have none of this backbone.

    Raises ImageError, ml.images.decoder.DecoderUnavailable, OSError.
    """
    for upload in uploads:
        if upload.features.filter(backbone=backbone.digest).exists():
            continue
        features = describe_features(decoded=picture_of(upload=upload), backbone=backbone)
        features.upload = upload
        # Another worker may have been faster.
        Features.objects.bulk_create([features], ignore_conflicts=True)


def vectors_of(*, upload_ids: Iterable[UUID], backbone: str) -> dict[UUID, np.ndarray]:
    """The features, float32 (F,), of those of these uploads that have any of this backbone."""
    rows = Features.objects.filter(backbone=backbone, upload__in=list(upload_ids)).values_list("upload", "vector")
    return {upload: np.frombuffer(vector, "<f2").astype(np.float32) for upload, vector in rows.iterator()}


def signature_of(content: bytes) -> Signature:
    """The fingerprint that a row contains."""
    return Signature(np.frombuffer(content[:32], "<u8"), np.frombuffer(content[32:], np.uint8))
