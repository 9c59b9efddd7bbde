"""Classify an image and keep it: file, thumbnail and rows together, or none of them."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from classifier.models import Prediction, Upload
from classifier.services.intake import SubmittedImage
from classifier.services.ownership import Owner
from classifier.services.serving import ServedModel, active_model
from ml import preprocessing
from ml.decision import Answers
from ml.inference import Seen


def classify(*, image: SubmittedImage, owner: Owner) -> Prediction:
    """Classify a submitted image by the active model and store upload and prediction. Raises serving.NoModel."""
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
    return _store(image, thumbnail, owner, served, seen, answers, timings)


def _store(
    image: SubmittedImage,
    thumbnail: bytes,
    owner: Owner,
    served: ServedModel,
    seen: Seen,
    answers: Answers,
    timings: dict[str, float],
) -> Prediction:
    identifier, decoded = uuid.uuid4(), image.decoded
    place = f"{identifier.hex[:2]}/{identifier}"
    probabilities = [float(probability) for probability in answers.probabilities[0]]
    best = int(answers.best(served.model.none_index)[0])
    with (
        _stored_files(
            {f"uploads/{place}.{decoded.extension}": image.content, f"thumbnails/{place}.jpg": thumbnail}
        ) as (file, small),
        transaction.atomic(),
    ):
        upload = Upload.objects.create(
            id=identifier,
            owner=owner.user,
            visitor=owner.visitor,
            file=file,
            thumbnail=small,
            original_name=image.original_name,
            sha256=image.sha256,
            format=decoded.format,
            content_type=decoded.content_type,
            width=decoded.width,
            height=decoded.height,
            size=len(image.content),
        )
        return Prediction.objects.create(
            upload=upload,
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
