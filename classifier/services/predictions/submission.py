"""A file that may arrive more than once, because the answer to it was lost or a form was sent again, is kept once."""

import datetime
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from classifier.models import BatchClaim, ModelVersion, Prediction
from classifier.services.people.ownership import Owner, predictions_of
from classifier.services.predictions.classification import answer, classify
from classifier.services.predictions.intake import SubmittedImage

_SUBMISSIONS = UUID("5b0f0f62-6f0c-4f0e-9a55-0c1f6f8f2a37")
_KEYS = UUID("8d6f3d0e-53a3-4d0b-8a43-0a5d1e0c7f61")

_LONGEST_BATCH = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class Handling:
    """What is to be done with what was sent.

    keep: whether to store it. keep_days: for how long, None until its owner deletes it. version: the model that is to
    answer, None for the active one.
    """

    keep: bool = True
    keep_days: int | None = None
    version: ModelVersion | None = None


class KeyReused(ValueError):
    """Something else was sent under this key before."""


def classify_once(
    *, image: SubmittedImage, owner: Owner, submission: UUID | None, keep_days: int | None = None
) -> Prediction:
    """Classify and store as `classify` does; the same content under the same number returns what is stored of it.

    submission: the number that the page gave to this sending, None if it gave none. Raises serving.NoModel.
    """
    if submission is None:
        return classify(image=image, owner=owner, keep_days=keep_days)
    # The prediction's own id is made of all that makes it the same: no column is needed, and the key keeps it unique.
    prediction_id = uuid5(_SUBMISSIONS, f"{_person(owner)}\n{submission}\n{image.sha256}")
    return _stored(owner, prediction_id) or _classify_or_stored(
        image=image, owner=owner, prediction_id=prediction_id, keep_days=keep_days
    )


def classify_under_key(
    *, image: SubmittedImage, owner: Owner, handling: Handling, key: str | None = None, content: str = ""
) -> Prediction:
    """Classify and store as asked; the same again under the same key returns what is stored of it.

    key: what a program calls this sending, None if it calls it nothing. The same are content, model and time to be
    kept. A key is free again when its prediction is deleted, and stays unused where nothing is kept. content: what
    was sent under the key, if that is more than the image. Raises KeyReused, serving.NoModel,
    storage.StorageUnavailable.
    """
    content = content or image.sha256
    if not handling.keep:
        if key is not None:
            refuse_reuse(owner=owner, handling=handling, keys=[key], content=content)
        return answer(image=image, owner=owner, version=handling.version)[0]
    wanted = {"image": image, "owner": owner, "keep_days": handling.keep_days, "version": handling.version}
    if key is None:
        return classify(**wanted)
    prediction_id, upload_id = _ids(owner, handling, key, content)
    prediction = _stored(owner, prediction_id)
    if prediction is None:
        prediction = _classify_or_stored(prediction_id=prediction_id, upload_id=upload_id, **wanted)
    if prediction.upload_id != upload_id:
        raise KeyReused(f"Something else was sent as {key!r} before.")
    return prediction


def refuse_reuse(*, owner: Owner, handling: Handling, keys: Iterable[str], content: str) -> None:
    """Raise KeyReused if anything but this content, to be handled so, is stored under one of the keys."""
    wanted = dict(_ids(owner, handling, key, content) for key in keys)
    stored = predictions_of(owner).filter(pk__in=wanted).values_list("pk", "upload_id")
    if any(wanted[prediction_id] != upload_id for prediction_id, upload_id in stored):
        raise KeyReused("Something else was sent under this key before.")


@contextmanager
def claim_key(*, owner: Owner, handling: Handling, key: str, content: str) -> Iterator[None]:
    """Keep everything else from being stored under the key until the block ends. Raises KeyReused.

    The same content may come more than once: whoever was first holds the claim, and has stored all when it ends.
    """
    claim_id, content_id = _ids(owner, handling, key, content)
    # Of a process that was killed.
    BatchClaim.objects.filter(created_at__lt=timezone.now() - _LONGEST_BATCH).delete()
    claim, is_ours = BatchClaim.objects.get_or_create(pk=claim_id, defaults={"content": content_id})
    try:
        if claim.content != content_id:
            raise KeyReused(f"Something else is being stored as {key!r}.")
        yield
    finally:
        if is_ours:
            with suppress(DatabaseError):
                BatchClaim.objects.filter(pk=claim_id).delete()


def _ids(owner: Owner, handling: Handling, key: str, content: str) -> tuple[UUID, UUID]:
    """The prediction's says under which key, that of its upload says what: two that differ cannot both be stored."""
    prediction_id = uuid5(_KEYS, f"{_person(owner)}\n{key}")
    model = handling.version.pk if handling.version else ""
    return prediction_id, uuid5(prediction_id, f"{content}\n{model}\n{handling.keep_days}")


def _person(owner: Owner) -> int | UUID | None:
    return owner.user.pk if owner.user else owner.visitor


def _stored(owner: Owner, prediction_id: UUID) -> Prediction | None:
    return predictions_of(owner).filter(pk=prediction_id).first()


def _classify_or_stored(*, owner: Owner, prediction_id: UUID, **options) -> Prediction:
    try:
        return classify(owner=owner, prediction_id=prediction_id, **options)
    except IntegrityError:
        # It arrived twice at once, and the other one was faster.
        prediction = _stored(owner, prediction_id)
        if prediction is None:
            raise
        return prediction
