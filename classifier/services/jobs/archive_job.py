"""The job that classifies the files of a ZIP archive; the history shows them under their paths."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid5

from django.core.files.base import ContentFile
from django.utils import timezone

from classifier.models import Job, JobItem, Prediction, Retention
from classifier.services.jobs.archive_items import content_of, planned_members
from classifier.services.jobs.archives import Archive
from classifier.services.jobs.failures import DamagedMember
from classifier.services.jobs.results import Planned, Result
from classifier.services.jobs.storage import opened_archive
from classifier.services.models.heads import served as served_model
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import describe_upload, discard_files, store
from classifier.services.predictions.intake import SubmittedImage, read_image
from classifier.services.predictions.many import Derived, derive, prediction_of
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import Failed, Predicted, predict_stream

PARAMETERS = frozenset({"keep", "part_size"})
_LONGEST_NAME = 255


@dataclass(frozen=True)
class _Kept:
    """An image that was read."""

    image: SubmittedImage
    derived: Derived


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    return planned_members(job, last)


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    served = served_model(job.model_version)
    with opened_archive(job) as file, closing(Archive(file)) as archive:

        def read(item: JobItem) -> tuple[DecodedImage, _Kept]:
            image = read_image(ContentFile(content_of(archive, item), item.name))
            return image.decoded, _Kept(image, derive(image))

        def conclude(predicted: Predicted[JobItem, _Kept] | Failed[JobItem]) -> Result:
            if isinstance(predicted, Failed):
                error = predicted.error if isinstance(predicted.error, ImageError) else DamagedMember()
                return Result(predicted.source, error=error)
            prediction = prediction_of(predicted, served=served, timings=predicted.kept.derived.timings)
            return Result(
                predicted.source, store=lambda owner: _store(job, predicted.source, prediction, predicted.kept, owner)
            )

        wanted = (item for item in items if not is_over())
        with closing(predict_stream(served.model, wanted, read)) as batches:
            for batch in batches:
                yield [conclude(one) for one in batch]


def _store(job: Job, item: JobItem, prediction: Prediction, kept: _Kept, owner: Owner) -> Prediction:
    """Store the results that no earlier run of the part has committed, under deterministic ids."""
    upload = describe_upload(image=kept.image, owner=owner)
    upload.id = uuid5(job.pk, f"upload {item.number}")
    upload.original_name = item.name[-_LONGEST_NAME:]
    upload.expires_at = Retention(job.parameters["keep"]).expires_at(timezone.now())
    prediction.id = uuid5(job.pk, f"prediction {item.number}")
    prediction.upload = upload
    if item.part.tried:
        # A killed worker may have left files without a row, and nobody else has the part.
        discard_files(upload=upload)
    return store(
        prediction=prediction,
        content=kept.image.content,
        thumbnail=kept.derived.thumbnail,
        working_copy=kept.derived.working_copy,
    )
