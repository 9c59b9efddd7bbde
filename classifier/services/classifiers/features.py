"""Features of uploads: computed once for each backbone, and deleted with the upload."""

from collections.abc import Iterable
from uuid import UUID

import numpy as np

from classifier.models import Features, Upload
from classifier.services.models.backbone import Backbone
from classifier.services.predictions.features import Vector, describe_vector
from classifier.services.predictions.turns import Workers, turn
from classifier.services.predictions.working_copies import picture_of
from ml.data.duplicates import Signature
from ml.images.preprocessing import DecodedImage


def describe_features(*, decoded: DecodedImage, backbone: Backbone) -> Features:
    """Return the unsaved features of a decoded image, without its upload. Raises turns.Busy."""
    with turn(Workers.INTERPRETERS):
        pixels = backbone.prepare(decoded.picture, decoded.size)
        vector = backbone.features(pixels[None])[0]
    return describe_vector(vector=Vector(vector, backbone.digest), picture=decoded.picture)


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
