"""The job that classifies stored uploads with another version and stores its predictions beside the old ones."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from classifier.models import Job, JobItem, Prediction, Upload
from classifier.services.jobs.failures import LostUpload
from classifier.services.jobs.results import Planned, Result
from classifier.services.models.serving import served_model
from classifier.services.operations.storage import as_unavailable
from classifier.services.people.ownership import Owner, current_uploads, uploads_of
from classifier.services.predictions.many import prediction_of, stored_image
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import Failed, Predicted, predict_stream

PARAMETERS = frozenset({"everybody"})
_PREDICTIONS = UUID("3c1a8f3e-7d0c-4b7b-9d38-0f3b6b0c2f51")


def uploads_to_rescore(job: Job) -> QuerySet[Upload]:
    """The uploads that the job's version has not classified: the owner's, or everybody's for staff."""
    if job.parameters.get("everybody"):
        uploads = current_uploads()
    else:
        uploads = uploads_of(Owner(user=job.owner, visitor=job.visitor))
    predicted = Prediction.objects.filter(model_version=job.model_version).order_by().values("upload")
    return uploads.exclude(pk__in=predicted).order_by("pk")


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    uploads = uploads_to_rescore(job)
    if last:
        uploads = uploads.filter(pk__gt=UUID(last.reference))
    for pk, name in uploads.values_list("pk", "original_name").iterator(chunk_size=1000):
        yield Planned(name or str(pk), str(pk))


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    served = served_model(job.model_version)
    found = Upload.objects.in_bulk([UUID(item.reference) for item in items])

    def read(item: JobItem) -> tuple[DecodedImage, float]:
        started = time.perf_counter()
        return _decoded(found.get(UUID(item.reference))), 1000 * (time.perf_counter() - started)

    def conclude(predicted: Predicted[JobItem, float] | Failed[JobItem]) -> Result:
        if isinstance(predicted, Failed):
            error = predicted.error if isinstance(predicted.error, ImageError) else LostUpload()
            return Result(predicted.source, error=error)
        timings = {"decode": predicted.kept, "thumbnail": 0.0}
        prediction = prediction_of(predicted, served=served, timings=timings)
        return Result(predicted.source, store=lambda _owner: _store(predicted.source, prediction))

    wanted = (item for item in items if not is_over())
    with closing(predict_stream(served.model, wanted, read)) as batches:
        for batch in batches:
            yield [conclude(one) for one in batch]


def _decoded(upload: Upload | None) -> DecodedImage:
    if upload is None:
        raise LostUpload
    try:
        return stored_image(upload)
    except FileNotFoundError as error:
        raise LostUpload from error
    except OSError as error:
        if unavailable := as_unavailable(error):
            raise unavailable from error
        raise LostUpload from error


def _store(item: JobItem, prediction: Prediction) -> Prediction:
    upload = Upload.objects.filter(pk=item.reference).first()
    if upload is None:
        raise LostUpload
    prediction.upload = upload
    # Two jobs may ask the same version about the same upload.
    prediction.id = uuid5(_PREDICTIONS, f"{upload.pk}\n{prediction.model_version.digest}")
    if stored := Prediction.objects.filter(pk=prediction.id).first():
        return stored
    try:
        with transaction.atomic():
            prediction.save(force_insert=True)
    except IntegrityError as error:
        stored = Prediction.objects.filter(pk=prediction.id).first()
        if stored is None:
            raise LostUpload from error
        return stored
    return prediction
