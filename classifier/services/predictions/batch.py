"""Several images in one sending: each is answered, or refused, for itself."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from django.core.files import File

from classifier.models import Prediction
from classifier.services.people.ownership import Owner
from classifier.services.predictions.intake import clean_name, read_image
from classifier.services.predictions.submission import Handling, KeyReused, claim_key, classify_under_key, refuse_reuse
from ml.images.errors import ImageError

#: How many images one request may bring; Django itself reads no form of more than a hundred files.
MOST_IMAGES = 32


@dataclass(frozen=True)
class Outcome:
    """What became of one file: exactly one of prediction and error is set."""

    name: str
    prediction: Prediction | None = None
    error: ImageError | KeyReused | None = None


def classify_batch(
    *, files: Sequence[File], owner: Owner, handling: Handling, key: str | None = None
) -> Iterator[Outcome]:
    """Yield what becomes of each file, in order; one at a time is decoded, so memory does not grow with their number.

    key: as in `classify_under_key`, for all of the files in their order. Raises KeyReused before anything is stored,
    serving.NoModel, storage.StorageUnavailable.
    """
    if key is None:
        yield from _classify_each(files, owner, handling)
        return
    content = _digest(files)
    keys = [_own_key(key, place) for place in range(MOST_IMAGES)]
    with claim_key(owner=owner, handling=handling, key=key, content=content):
        refuse_reuse(owner=owner, handling=handling, keys=keys, content=content)
        yield from _classify_each(files, owner, handling, keys, content)


def _classify_each(
    files: Sequence[File], owner: Owner, handling: Handling, keys: Sequence[str] = (), content: str = ""
) -> Iterator[Outcome]:
    for file, key in zip_longest(files, keys[: len(files)]):
        name = clean_name(file.name or "")
        try:
            image = read_image(file)
            prediction = classify_under_key(image=image, owner=owner, handling=handling, key=key, content=content)
        except (ImageError, KeyReused) as error:
            yield Outcome(name, error=error)
        else:
            yield Outcome(name, prediction)


def _own_key(key: str, place: int) -> str:
    return f"{key}\n{place}"


def _digest(files: Sequence[File]) -> str:
    """What all the files are, in their order."""
    whole = hashlib.sha256()
    for file in files:
        own = hashlib.sha256()
        for chunk in file.chunks():
            own.update(chunk)
        file.seek(0)
        whole.update(own.digest())
    return whole.hexdigest()
