"""Several images in one sending: each is answered, or refused, for itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.files import File

from classifier.models import Prediction
from classifier.services.intake import clean_name, read_image
from classifier.services.ownership import Owner
from classifier.services.submission import Handling, KeyReused, classify_under_key
from ml.image_errors import ImageError

#: How many images one request may bring; Django itself reads no form of more than a hundred files.
MOST_IMAGES = 32


@dataclass(frozen=True)
class Outcome:
    """What became of one file: exactly one of prediction and error is set."""

    name: str
    prediction: Prediction | None = None
    error: ImageError | KeyReused | None = None


def classify_batch(
    *, files: Iterable[File], owner: Owner, handling: Handling, key: str | None = None
) -> Iterator[Outcome]:
    """Yield what becomes of each file, in order; one at a time is decoded, so memory does not grow with their number.

    key: as in `classify_under_key`; each file's own is made of it and the file's place. Raises serving.NoModel,
    storage.StorageUnavailable.
    """
    for place, file in enumerate(files):
        name = clean_name(file.name or "")
        own_key = None if key is None else f"{key}\n{place}"
        try:
            image = read_image(file)
            prediction = classify_under_key(image=image, owner=owner, handling=handling, key=own_key)
        except (ImageError, KeyReused) as error:
            yield Outcome(name, error=error)
        else:
            yield Outcome(name, prediction)
