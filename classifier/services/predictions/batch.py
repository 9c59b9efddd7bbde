"""Submit several images in one request; each gets its own prediction or error."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from django.core.files import File

from classifier.models import Prediction
from classifier.services.people.ownership import Owner
from classifier.services.predictions.intake import clean_name
from classifier.services.predictions.submission import (
    KeyReused,
    SubmissionOptions,
    claim_key,
    refuse_reuse,
    submit_under_key,
)
from ml.images.errors import ImageError

#: The number of images per request; Django itself refuses forms of more than a hundred files.
MOST_IMAGES = 32


@dataclass(frozen=True)
class BatchOutcome:
    """The result for one file: exactly one of prediction and error is set."""

    name: str
    prediction: Prediction | None = None
    error: ImageError | KeyReused | None = None


def submit_batch(
    *, files: Sequence[File], owner: Owner, options: SubmissionOptions, key: str | None = None
) -> Iterator[BatchOutcome]:
    """Yield an outcome for each file, in order; one file is decoded at a time, which bounds memory.

    key: the idempotency key of the whole request, see `submit_under_key`. Raises KeyReused before anything is stored,
    serving.NoModel, storage.StorageUnavailable.
    """
    if key is None:
        yield from _submit_each(files, owner, options)
        return
    content = _digest(files)
    keys = [_own_key(key, place) for place in range(MOST_IMAGES)]
    with claim_key(owner=owner, options=options, key=key, content=content):
        refuse_reuse(owner=owner, options=options, keys=keys, content=content)
        yield from _submit_each(files, owner, options, keys, content)


def _submit_each(
    files: Sequence[File], owner: Owner, options: SubmissionOptions, keys: Sequence[str] = (), content: str = ""
) -> Iterator[BatchOutcome]:
    for file, key in zip_longest(files, keys[: len(files)]):
        name = clean_name(file.name or "")
        try:
            prediction = submit_under_key(file=file, owner=owner, options=options, key=key, content=content)
        except (ImageError, KeyReused) as error:
            yield BatchOutcome(name, error=error)
        else:
            yield BatchOutcome(name, prediction)


def _own_key(key: str, place: int) -> str:
    return f"{key}\n{place}"


def _digest(files: Sequence[File]) -> str:
    """A digest of all files in order."""
    whole = hashlib.sha256()
    for file in files:
        own = hashlib.sha256()
        for chunk in file.chunks():
            own.update(chunk)
        file.seek(0)
        whole.update(own.digest())
    return whole.hexdigest()
