"""Classify stored uploads with another version and compare; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from classifier.models import ModelVersion, Prediction
from classifier.services.models.publishing import verified_folder
from classifier.services.predictions.working_copies import copy_of
from ml.classes import NONE_CLASS
from ml.images import preprocessing
from ml.images.errors import ImageError
from ml.serving.inference import LoadedModel, NetworkInput

_BATCH = 32


@dataclass(frozen=True)
class Rescored:
    """One stored prediction and what the other version answers; abstaining answers NONE_CLASS.

    after, confidence: None where the file can no longer be read. label: what a correction says, "" without one.
    """

    prediction_id: UUID
    before: str
    after: str | None
    confidence: float | None
    label: str

    @property
    def flipped(self) -> bool:
        return self.after is not None and self.after != self.before

    @property
    def fixed(self) -> bool:
        """Incorrect before, correct now."""
        return self.flipped and self.after == self.label

    @property
    def regressed(self) -> bool:
        """Correct before, incorrect now."""
        return self.flipped and self.before == self.label


def rescore(*, version: ModelVersion) -> Iterator[Rescored]:
    """Classify the uploads of stored predictions with a version. Raises ml.artifacts.folder.ArtifactError."""
    model = LoadedModel(verified_folder(version))
    predictions = Prediction.objects.select_related("upload").order_by("pk").iterator(chunk_size=_BATCH)
    for group in iter(lambda: list(islice(predictions, _BATCH)), []):
        inputs = [_prepare(model, prediction) for prediction in group]
        found = model.predict([one for one in inputs if one is not None])
        answered = iter(zip(found.best(model.none_index), found.probabilities, found.abstained))
        for prediction, one in zip(group, inputs):
            before, label = prediction.answer, prediction.corrected_class
            if one is None:
                yield Rescored(prediction.pk, before, None, None, label)
                continue
            best, probabilities, abstained = next(answered)
            after = NONE_CLASS if abstained else model.class_names[best]
            yield Rescored(prediction.pk, before, after, float(probabilities[best]), label)


def _prepare(model: LoadedModel, prediction: Prediction) -> NetworkInput | None:
    upload = prediction.upload
    try:
        # A copy by an earlier preprocessing version differs from what the other model would see now.
        if (copy := copy_of(upload=upload)) and copy.is_current:
            decoded = copy.decoded
        else:
            with upload.file.open("rb") as file:
                decoded = preprocessing.decode(file.read())
        return model.prepare(decoded.picture, decoded.size)
    except (OSError, ImageError):
        return None
