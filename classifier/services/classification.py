"""Classify an image and keep it: file, thumbnail and rows together, or none of them."""

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from classifier.models import Prediction, Upload
from classifier.services.intake import SubmittedImage
from classifier.services.ownership import Owner
from classifier.services.serving import ServedModel, active_model
from ml import preprocessing
from ml.decision import Answers
from ml.inference import Seen


def classify(
    *, image: SubmittedImage, owner: Owner, prediction_id: UUID | None = None, keep_days: int | None = None
) -> Prediction:
    """Classify a submitted image by the active model and store upload and prediction. Raises serving.NoModel.

    prediction_id: the prediction's id if not a random one; IntegrityError when there is one of this id.
    keep_days: after so many days both are deleted; None keeps them until their owner deletes them.
    """
    prediction, thumbnail = answer(image=image, owner=owner)
    if prediction_id is not None:
        prediction.id = prediction_id
    if keep_days is not None:
        prediction.upload.expires_at = timezone.now() + datetime.timedelta(days=keep_days)
    return store(prediction=prediction, content=image.content, thumbnail=thumbnail)


def answer(*, image: SubmittedImage, owner: Owner) -> tuple[Prediction, bytes]:
    """Classify a submitted image by the active model and store nothing. Raises serving.NoModel.

    Returns the rows as they would be stored, and the thumbnail's JPEG.
    """
    served = active_model()
    picture = image.decoded.picture

    started = time.perf_counter()
    seen = served.model.see(picture)
    prepared = time.perf_counter()
    answers = served.model.answer([seen])
    inferred = time.perf_counter()
    thumbnail = preprocessing.to_thumbnail(picture)
    timings = {
        "decode": image.decode_milliseconds,
        "resize": 1000 * (prepared - started),
        "infer": 1000 * (inferred - prepared),
        "thumbnail": 1000 * (time.perf_counter() - inferred),
    }
    prediction = describe_prediction(served=served, seen=seen, answers=answers, timings=timings)
    prediction.upload = describe_upload(image=image, owner=owner)
    return prediction, thumbnail


def describe_upload(*, image: SubmittedImage, owner: Owner) -> Upload:
    """Return the row of a submitted image, with its id and without its files; nothing is stored."""
    decoded = image.decoded
    return Upload(
        owner=owner.user,
        visitor=owner.visitor,
        original_name=image.original_name,
        sha256=image.sha256,
        format=decoded.format,
        content_type=decoded.content_type,
        width=decoded.width,
        height=decoded.height,
        size=len(image.content),
    )


def describe_prediction(*, served: ServedModel, seen: Seen, answers: Answers, timings: dict[str, float]) -> Prediction:
    """Return the row of a model's answer to one image, without its upload; nothing is stored.

    answers: of this one image, N = 1. timings: milliseconds of each step.
    """
    probabilities = [float(probability) for probability in answers.probabilities[0]]
    best = int(answers.best(served.model.none_index)[0])
    return Prediction(
        model_version=served.version,
        probabilities=probabilities,
        network=seen.network,
        seen_whole=seen.whole,
        predicted_class=served.model.class_names[best],
        confidence=probabilities[best],
        abstained=bool(answers.abstained[0]),
        abstention_score=float(answers.scores[0]) if served.model.networks[seen.network].rule.score else None,
        preprocessing_version=preprocessing.PREPROCESSING_VERSION,
        timings={step: round(milliseconds, 3) for step, milliseconds in timings.items()},
    )


def store(*, prediction: Prediction, content: bytes, thumbnail: bytes) -> Prediction:
    """Store a prediction and its upload, both described before, with the upload's files; return the prediction."""
    upload = prediction.upload
    file, small = _file_names(upload)
    with _stored_files({file: content, small: thumbnail}) as names, transaction.atomic():
        upload.file, upload.thumbnail = names
        upload.save(force_insert=True)
        prediction.save(force_insert=True)
    return prediction


def discard_files(*, upload: Upload) -> None:
    """Delete the files that `store` would write for an upload without a row: what a killed process left of it."""
    for name in _file_names(upload):
        default_storage.delete(name)


def _file_names(upload: Upload) -> tuple[str, str]:
    place = f"{upload.id.hex[:2]}/{upload.id}"
    _content_type, extension = preprocessing.FORMATS[upload.format]
    return f"uploads/{place}.{extension}", f"thumbnails/{place}.jpg"


@contextmanager
def _stored_files(contents: dict[str, bytes]) -> Iterator[list[str]]:
    """Write files to the storage and yield their names; whatever fails in the block or here takes them away again."""
    names: list[str] = []
    try:
        for name, content in contents.items():
            names.append(default_storage.save(name, ContentFile(content)))
        yield names
    except BaseException:
        for name in names:
            default_storage.delete(name)
        raise
