"""Submit an image: classify it and store it once, however often a lost response makes the client send it again."""

import datetime
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NotRequired, TypedDict, Unpack
from uuid import UUID, uuid5

from django.core.files import File
from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from classifier.models import BatchClaim, ModelVersion, Prediction, Retention
from classifier.services.people.ownership import Owner, predictions_of
from classifier.services.predictions.classification import classify, predict
from classifier.services.predictions.intake import SubmittedImage, read_image

_SUBMISSIONS = UUID("5b0f0f62-6f0c-4f0e-9a55-0c1f6f8f2a37")
_KEYS = UUID("8d6f3d0e-53a3-4d0b-8a43-0a5d1e0c7f61")

_LONGEST_BATCH = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class SubmissionOptions:
    """How to classify and store a submission.

    keep: how long it is stored, if at all. version: the model to use, None for the active one.
    """

    keep: Retention = Retention.UNTIL_DELETED
    version: ModelVersion | None = None


class _Wanted(TypedDict):
    image: SubmittedImage
    owner: Owner
    keep: Retention
    version: NotRequired[ModelVersion | None]


class KeyReused(ValueError):
    """This idempotency key was used with other content before."""


def submit(
    *,
    file: File,
    owner: Owner,
    submission: UUID | None,
    keep: Retention = Retention.UNTIL_DELETED,
    version: ModelVersion | None = None,
) -> Prediction:
    """Classify and store an image from the upload form; a repeated submission returns the stored prediction.

    submission: the random id that the form put into this submission, None if it has none. keep: how long it is
    stored; for NOT_STORED call `submit_without_storing`. version: the model to use, None for the active one. Raises
    ImageError, serving.NoModel, storage.StorageUnavailable, turns.Busy, OwnerGone.
    """
    image = read_image(file)
    if submission is None:
        return classify(image=image, owner=owner, keep=keep, version=version)
    # The id is derived from everything that identifies the submission, so the primary key makes it unique.
    model = f"\n{version.pk}" if version else ""
    prediction_id = uuid5(_SUBMISSIONS, f"{_person(owner)}\n{submission}\n{image.sha256}{model}")
    return _stored(owner, prediction_id) or _classify_or_get_stored(
        image=image, owner=owner, prediction_id=prediction_id, keep=keep, version=version
    )


def submit_without_storing(*, file: File, version: ModelVersion | None = None) -> tuple[Prediction, bytes]:
    """Classify an image from the upload form and store nothing; return the unsaved rows and the thumbnail as a JPEG.

    Raises ImageError, serving.NoModel, turns.Busy.
    """
    return predict(image=read_image(file), owner=Owner(), version=version)


def submit_under_key(
    *, file: File, owner: Owner, options: SubmissionOptions, key: str | None = None, content: str = ""
) -> Prediction:
    """Classify and store an image from the API; the same request under the same key returns the stored prediction.

    key: the client's idempotency key, None without one. Requests are the same if content, model and retention are.
    Deleting the prediction frees its key; a request that stores nothing does not use it. content: a digest of all
    that was sent under the key, if that is more than the image. Raises ImageError, KeyReused,
    serving.NoModel, storage.StorageUnavailable, turns.Busy, OwnerGone.
    """
    image = read_image(file)
    content = content or image.sha256
    if options.keep == Retention.NOT_STORED:
        if key is not None:
            refuse_reuse(owner=owner, options=options, keys=[key], content=content)
        return predict(image=image, owner=owner, version=options.version)[0]
    wanted: _Wanted = {"image": image, "owner": owner, "keep": options.keep, "version": options.version}
    if key is None:
        return classify(**wanted)
    prediction_id, upload_id = _ids(owner, options, key, content)
    prediction = _stored(owner, prediction_id)
    if prediction is None:
        prediction = _classify_or_get_stored(prediction_id=prediction_id, upload_id=upload_id, **wanted)
    if prediction.upload_id != upload_id:
        raise KeyReused(f"{key!r} was already used for a different request.")
    return prediction


def refuse_reuse(*, owner: Owner, options: SubmissionOptions, keys: Iterable[str], content: str) -> None:
    """Raise KeyReused if other content, or the same with other options, is stored under one of the keys."""
    wanted = dict(_ids(owner, options, key, content) for key in keys)
    stored = predictions_of(owner).filter(pk__in=wanted).values_list("pk", "upload_id")
    if any(wanted[prediction_id] != upload_id for prediction_id, upload_id in stored):
        raise KeyReused("This key was already used for a different request.")


@contextmanager
def claim_key(*, owner: Owner, options: SubmissionOptions, key: str, content: str) -> Iterator[None]:
    """Reserve the key for this content until the block ends. Raises KeyReused.

    Concurrent requests with the same content share the claim; the first one owns it and releases it.
    """
    claim_id, content_id = _ids(owner, options, key, content)
    # Claims left by a killed process.
    BatchClaim.objects.filter(created_at__lt=timezone.now() - _LONGEST_BATCH).delete()
    claim, is_ours = BatchClaim.objects.get_or_create(pk=claim_id, defaults={"content": content_id})
    try:
        if claim.content != content_id:
            raise KeyReused(f"{key!r} is being used for a different request.")
        yield
    finally:
        if is_ours:
            with suppress(DatabaseError):
                BatchClaim.objects.filter(pk=claim_id).delete()


def _ids(owner: Owner, options: SubmissionOptions, key: str, content: str) -> tuple[UUID, UUID]:
    """Derive the prediction's id from the key and the upload's id from the content, so a key stands for one content."""
    prediction_id = uuid5(_KEYS, f"{_person(owner)}\n{key}")
    model = options.version.pk if options.version else ""
    return prediction_id, uuid5(prediction_id, f"{content}\n{model}\n{options.keep.days}")


def _person(owner: Owner) -> int | UUID | None:
    return owner.user.pk if owner.user else owner.visitor


def _stored(owner: Owner, prediction_id: UUID) -> Prediction | None:
    # There is almost never one, and this check takes a third of the time.
    if not Prediction.objects.filter(pk=prediction_id).exists():
        return None
    return predictions_of(owner).filter(pk=prediction_id).first()


def _classify_or_get_stored(
    *, prediction_id: UUID, upload_id: UUID | None = None, **wanted: Unpack[_Wanted]
) -> Prediction:
    try:
        return classify(prediction_id=prediction_id, upload_id=upload_id, **wanted)
    except IntegrityError:
        # The same submission arrived twice at once, and the other one was faster.
        prediction = _stored(wanted["owner"], prediction_id)
        if prediction is None:
            raise
        return prediction
