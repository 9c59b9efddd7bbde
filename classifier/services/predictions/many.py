"""Classify many images, in jobs and commands alike: the steps around `ml.serving.bulk.predict_stream`."""

import time
from dataclasses import dataclass

from classifier.models import Prediction, Upload
from classifier.services.models.serving import ServedModel
from classifier.services.predictions.classification import describe_prediction
from classifier.services.predictions.decoding import decode
from classifier.services.predictions.intake import SubmittedImage
from classifier.services.predictions.working_copies import copy_if_expensive, copy_of
from ml.images.preprocessing import DecodedImage, to_thumbnail
from ml.serving.bulk import Predicted


@dataclass(frozen=True)
class Derived:
    """What is stored beside an image. timings: milliseconds of its decoding and its thumbnail."""

    thumbnail: bytes
    working_copy: bytes | None
    timings: dict[str, float]


def derive(image: SubmittedImage) -> Derived:
    """Make what is stored beside an image; in any thread."""
    started = time.perf_counter()
    thumbnail = to_thumbnail(image.decoded.picture)
    timings = {"decode": image.decode_milliseconds, "thumbnail": 1000 * (time.perf_counter() - started)}
    return Derived(thumbnail, copy_if_expensive(image.decoded), timings)


def stored_image(upload: Upload) -> DecodedImage:
    """The decoded image of a stored upload, from its working copy if that is current. Raises ImageError, OSError."""
    # A copy by an earlier preprocessing version differs from what another model would see now.
    if (copy := copy_of(upload=upload)) and copy.is_current:
        return copy.decoded
    with upload.file.open("rb") as file:
        content = file.read()
    # Stored files stay valid, whatever the limits are now.
    return decode(content=content, max_pixels=upload.width * upload.height)


def prediction_of(predicted: Predicted, *, served: ServedModel, timings: dict[str, float]) -> Prediction:
    """The unsaved prediction, without its upload. timings: those of the steps before."""
    return describe_prediction(
        served=served,
        network_input=predicted.network_input,
        predictions=predicted.predictions,
        timings=timings | predicted.timings,
    )
