"""Classify stored uploads with another version and compare; nothing is changed."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from classifier.models import ModelVersion, Prediction
from classifier.services.models.publishing import verified_folder
from classifier.services.predictions.many import stored_image
from ml.classes import NONE_CLASS
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import Failed, Predicted, predict_stream
from ml.serving.inference import LoadedModel

_AT_ONCE = 100


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
    """Classify the uploads of stored predictions with a version. Raises ml.artifacts.folder.ArtifactError.

    All processors read and classify the next ones.
    """
    model = LoadedModel(verified_folder(version))
    # A classifier of somebody's own has other classes.
    by_site = Prediction.objects.filter(model_version__classifier=None)
    predictions = by_site.select_related("upload").order_by("pk").iterator(chunk_size=_AT_ONCE)
    with closing(predict_stream(model, predictions, _read)) as batches:
        for batch in batches:
            yield from (_compare(model, one) for one in batch)


def _read(prediction: Prediction) -> tuple[DecodedImage, None]:
    return stored_image(prediction.upload), None


def _compare(model: LoadedModel, item: Predicted[Prediction, None] | Failed[Prediction]) -> Rescored:
    prediction = item.source
    before, label = prediction.answer, prediction.corrected_class
    if isinstance(item, Failed):
        return Rescored(prediction.pk, before, None, None, label)
    (best,), found = item.predictions.best(model.none_index), item.predictions
    after = NONE_CLASS if found.abstained[0] else model.class_names[best]
    return Rescored(prediction.pk, before, after, float(found.probabilities[0, best]), label)
