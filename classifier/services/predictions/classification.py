"""Classify an image and store it: file, thumbnail and rows together, or none of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from classifier.models import Features, ModelVersion, Prediction, Retention, Upload
from classifier.services.models.heads import served as served_model
from classifier.services.models.serving import NoModel, ServedModel
from classifier.services.operations import metrics
from classifier.services.operations.storage import storage_errors
from classifier.services.people.ownership import Owner, hand_over
from classifier.services.predictions.features import Vector, describe_vector, digest_of, worth_storing
from classifier.services.predictions.intake import SubmittedImage
from classifier.services.predictions.turns import Workers, turn
from classifier.services.predictions.working_copies import copy_if_expensive, new_copy_name
from classifier.storages.stored import new_part, site_storage
from ml.confidence.decision import Predictions
from ml.images import preprocessing
from ml.images.formats import FORMATS
from ml.serving.inference import NetworkInput


class OwnerGone(Exception):
    """The account was deleted before its upload could be stored; nothing was stored."""


def classify(
    *,
    image: SubmittedImage,
    owner: Owner,
    prediction_id: UUID | None = None,
    upload_id: UUID | None = None,
    keep: Retention = Retention.UNTIL_DELETED,
    version: ModelVersion | None = None,
) -> Prediction:
    """Classify a submitted image and store upload and prediction.

    prediction_id, upload_id: ids of the rows, random by default. keep: how long they are stored; NOT_STORED is for
    `predict`. version: the model to use, None for the active one.

    Raises serving.NoModel, storage.StorageUnavailable, turns.Busy, OwnerGone, and IntegrityError for an id in use.
    """
    prediction, thumbnail, features = _predict(image=image, owner=owner, version=version)
    copy = copy_if_expensive(image.decoded)
    if prediction_id is not None:
        prediction.id = prediction_id
    if upload_id is not None:
        upload = prediction.upload
        upload.id = upload_id
        prediction.upload = upload
    prediction.upload.expires_at = keep.expires_at(timezone.now())
    return store(
        prediction=prediction, content=image.content, thumbnail=thumbnail, working_copy=copy, features=features
    )


def predict(*, image: SubmittedImage, owner: Owner, version: ModelVersion | None = None) -> tuple[Prediction, bytes]:
    """Classify a submitted image and store nothing.

    version: the model to use, None for the active one. Returns the unsaved rows and the thumbnail as a JPEG. Raises
    serving.NoModel, turns.Busy.
    """
    prediction, thumbnail, _features = _predict(image=image, owner=owner, version=version)
    return prediction, thumbnail


def _predict(
    *, image: SubmittedImage, owner: Owner, version: ModelVersion | None
) -> tuple[Prediction, bytes, Features | None]:
    """As `predict`, with the unsaved features if a head of own classes will want them."""
    served = served_model(version)
    picture = image.decoded.picture
    with turn(Workers.INTERPRETERS):
        started = time.perf_counter()
        network_input = served.model.prepare(picture, image.decoded.size)
        prepared = time.perf_counter()
        predictions, values = served.model.predict_one(network_input)
        inferred = time.perf_counter()
    thumbnail = preprocessing.to_thumbnail(picture)
    timings = {
        "decode": image.decode_milliseconds,
        "resize": 1000 * (prepared - started),
        "infer": 1000 * (inferred - prepared),
        "thumbnail": 1000 * (time.perf_counter() - inferred),
    }
    prediction = describe_prediction(
        served=served, network_input=network_input, predictions=predictions, timings=timings
    )
    prediction.upload = describe_upload(image=image, owner=owner)
    metrics.record_prediction(prediction)
    vector = Vector(values, digest_of(served, network_input.network))
    if not worth_storing(vector=vector, served=served, owner=owner):
        return prediction, thumbnail, None
    return prediction, thumbnail, describe_vector(vector=vector, picture=picture)


def describe_upload(*, image: SubmittedImage, owner: Owner) -> Upload:
    """Return an unsaved Upload for a submitted image, with its id and without its files."""
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


def describe_prediction(
    *, served: ServedModel, network_input: NetworkInput, predictions: Predictions, timings: dict[str, float]
) -> Prediction:
    """Return an unsaved Prediction for one image, without its upload.

    predictions: of this image alone, N = 1. timings: milliseconds by step.
    """
    probabilities = [float(probability) for probability in predictions.probabilities[0]]
    network = served.model.networks[network_input.network]
    best = int(predictions.best(served.model.none_index)[0])
    return Prediction(
        model_version=served.version,
        probabilities=probabilities,
        network=network_input.network,
        seen_whole=network_input.whole,
        predicted_class=served.model.class_names[best],
        confidence=probabilities[best],
        abstained=bool(predictions.abstained[0]),
        abstention_score=float(predictions.scores[0]) if network.rule.score else None,
        preprocessing_version=preprocessing.PREPROCESSING_VERSION,
        timings={step: round(milliseconds, 3) for step, milliseconds in timings.items()},
    )


def store(
    *,
    prediction: Prediction,
    content: bytes,
    thumbnail: bytes,
    working_copy: bytes | None = None,
    features: Features | None = None,
) -> Prediction:
    """Store an unsaved prediction, its unsaved upload and the upload's files; return the prediction.

    content: the original file. thumbnail: a JPEG. working_copy: see working_copies.copy_if_expensive. features: the
    unsaved ones of the upload. Raises storage.StorageUnavailable, OwnerGone, and serving.NoModel if the version was
    deleted.
    """

    def store_rows() -> None:
        prediction.save(force_insert=True)
        if features is not None:
            features.upload = prediction.upload
            features.save(force_insert=True)

    try:
        store_upload(
            upload=prediction.upload,
            content=content,
            thumbnail=thumbnail,
            working_copy=working_copy,
            store_rows=store_rows,
        )
    except IntegrityError as error:
        if not ModelVersion.every.filter(pk=prediction.model_version_id).exists():
            raise NoModel(f"{prediction.model_version} was deleted while it classified the image.") from error
        raise
    return prediction


def store_upload(
    *, upload: Upload, content: bytes, thumbnail: bytes, working_copy: bytes | None, store_rows: Callable[[], None]
) -> None:
    """Store an unsaved upload and its files, and in the same transaction what `store_rows` stores beside it.

    Errors as `store`.
    """
    contents = (content, thumbnail, working_copy)
    files = {name: stored for name, stored in zip(_new_names(upload), contents) if stored is not None}
    # The files come first and the commit last: a process killed in between leaves files without a row, which
    # `manage.py sweep` removes, and never a row without its files.
    try:
        with storage_errors(), _stored_files(upload, files) as names, transaction.atomic():
            upload.file, upload.thumbnail, *copy = names
            upload.working_copy = copy[0] if copy else ""
            upload.save(force_insert=True)
            store_rows()
    except IntegrityError as error:
        if upload.owner_id and not get_user_model().objects.filter(pk=upload.owner_id).exists():
            raise OwnerGone(f"The account {upload.owner_id} was deleted before the upload was stored.") from error
        raise
    if upload.visitor:
        hand_over(visitor=upload.visitor)


def discard_files(*, upload: Upload) -> None:
    """Delete the files that a killed process left of an upload without a row."""
    storage = site_storage()
    # The original was stored first: without it there are no others.
    if originals := storage.beginning_with(upload.place_in("uploads")):
        others = [storage.beginning_with(upload.place_in(folder)) for folder in ("thumbnails", "working_copies")]
        storage.delete_all([*originals, *chain.from_iterable(others)])


def _new_names(upload: Upload) -> tuple[str, str, str]:
    """Names that no other attempt to store the upload has: it must not overwrite or delete this one's files."""
    part, extension = new_part(), FORMATS[upload.format].extension
    original, thumbnail = (f"{upload.place_in(folder)}-{part}" for folder in ("uploads", "thumbnails"))
    return f"{original}.{extension}", f"{thumbnail}.jpg", new_copy_name(upload)


@contextmanager
def _stored_files(upload: Upload, contents: dict[str, bytes]) -> Iterator[list[str]]:
    """Write files to the storage and yield their names; delete them again if anything fails, here or in the block."""
    # All names first: a full disk may leave half a file without a reply from the storage.
    names = list(contents)
    try:
        for position, content in enumerate(contents.values()):
            names[position] = default_storage.save(names[position], ContentFile(content))
        yield names
    except BaseException:
        _take_back(upload, names)
        raise


def _take_back(upload: Upload, names: list[str]) -> None:
    """Delete the files of an upload that certainly have no row; `manage.py sweep` finds the rest."""
    with suppress(OSError, DatabaseError):
        # The commit may have succeeded although its reply was lost.
        kept = Upload.objects.filter(pk=upload.pk).values_list("file", "thumbnail", "working_copy").first() or ()
        for name in names:
            if name not in kept:
                default_storage.delete(name)
