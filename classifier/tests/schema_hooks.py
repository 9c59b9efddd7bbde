"""What Schemathesis sends where a value has to be a real one, so that what is valid by the schema is valid."""

import schemathesis
from hypothesis import strategies

from ml.classes import CLASS_NAMES, NONE_CLASS
from ml.tests.factories import encode, photograph

_IMAGES = strategies.sampled_from([encode(photograph(40, 30, seed), kind) for seed, kind in enumerate(["PNG", "JPEG"])])

schemathesis.openapi.format("binary", _IMAGES)
schemathesis.openapi.media_type("image/*", _IMAGES)
schemathesis.openapi.format("model", strategies.sampled_from(["student_cnn", "student_cnn@1"]))
schemathesis.openapi.format("class", strategies.sampled_from([*CLASS_NAMES, NONE_CLASS]))
