"""What another version would say of the stored uploads; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from classifier.models import ModelVersion, Prediction
from classifier.services.publishing import verified_folder
from ml import preprocessing
from ml.inference import LoadedModel, Seen
from ml.preprocessing import ImageError

_BATCH = 32
#: In the place of a class, where a model abstains.
ABSTAINED = "-"


@dataclass(frozen=True)
class Rescored:
    """One stored prediction and what the other version answers; ABSTAINED in the place of a class that is no answer.

    after, confidence: None where the file can no longer be read.
    """

    prediction_id: UUID
    before: str
    after: str | None
    confidence: float | None

    @property
    def flipped(self) -> bool:
        return self.after is not None and self.after != self.before


def rescore(*, version: ModelVersion) -> Iterator[Rescored]:
    """Ask a version again what the stored predictions' uploads show. Raises ml.artifacts.ArtifactError."""
    model = LoadedModel(verified_folder(version))
    predictions = Prediction.objects.select_related("upload").order_by("pk").iterator(chunk_size=_BATCH)
    for group in iter(lambda: list(islice(predictions, _BATCH)), []):
        seen = [_see(model, prediction) for prediction in group]
        answers = model.answer([one for one in seen if one is not None])
        answered = iter(zip(answers.best(model.none_index), answers.probabilities, answers.abstained))
        for prediction, one in zip(group, seen):
            before = ABSTAINED if prediction.abstained else prediction.predicted_class
            if one is None:
                yield Rescored(prediction.pk, before, None, None)
                continue
            best, probabilities, abstained = next(answered)
            after = ABSTAINED if abstained else model.class_names[best]
            yield Rescored(prediction.pk, before, after, float(probabilities[best]))


def _see(model: LoadedModel, prediction: Prediction) -> Seen | None:
    try:
        with prediction.upload.file.open("rb") as file:
            return model.see(preprocessing.decode(file.read()).picture)
    except (OSError, ImageError):
        return None
