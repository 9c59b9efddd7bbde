"""What Schemathesis sends where a value has to be a real one, so that what is valid by the schema is valid."""

import io
import os
import zipfile

import schemathesis
from hypothesis import strategies

from ml.classes import CLASS_NAMES, NONE_CLASS
from ml.tests.factories import encode, photograph

_IMAGES = [encode(photograph(40, 30, seed), kind) for seed, kind in enumerate(["PNG", "JPEG"])]


def _archive(image: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", image)
    return file.getvalue()


# An image and an archive in one: the first is looked for at the beginning, the other at the end.
schemathesis.openapi.format("binary", strategies.sampled_from([image + _archive(image) for image in _IMAGES]))
schemathesis.openapi.media_type("image/*", strategies.sampled_from(_IMAGES))
schemathesis.openapi.format("model", strategies.sampled_from(["student_cnn", "student_cnn@1"]))
schemathesis.openapi.format("class", strategies.sampled_from([*CLASS_NAMES, NONE_CLASS]))
# Predictions of several models are corrected; "none" is a label of all.
schemathesis.openapi.format("label", strategies.just(NONE_CLASS))
schemathesis.openapi.format("classifier", strategies.just(os.environ["CLASSIFIER"]))
