"""The job that classifies stored uploads with another version and stores its predictions beside the old ones."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from uuid import UUID

from django.db.models import QuerySet

from classifier.models import Job, JobItem, Prediction, Upload
from classifier.services.jobs.failures import LostUpload
from classifier.services.jobs.results import Planned, Result
from classifier.services.models.heads import served as served_model
from classifier.services.operations.storage import as_unavailable
from classifier.services.people.ownership import Owner, current_uploads, uploads_of
from classifier.services.predictions.again import predictions_from_features, store_beside
from classifier.services.predictions.many import prediction_of, stored_image
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import Failed, Predicted, predict_stream

PARAMETERS = frozenset({"everybody"})
#: Answers from stored features that are committed together; they take no time.
_AT_ONCE = 32


def uploads_to_rescore(job: Job) -> QuerySet[Upload]:
    """The classified uploads that the job's version has not classified: the owner's, or everybody's for staff.

    Images that are only examples of a classifier stay out of the history.
    """
    if job.parameters.get("everybody"):
        uploads = current_uploads()
    else:
        uploads = uploads_of(Owner(user=job.owner, visitor=job.visitor))
    predicted = Prediction.objects.filter(model_version=job.model_version).order_by().values("upload")
    classified = Prediction.objects.order_by().values("upload")
    return uploads.filter(pk__in=classified).exclude(pk__in=predicted).order_by("pk")


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
        return _result(predicted.source, prediction)

    known = predictions_from_features(uploads=found.values(), served=served)
    answered = [item for item in items if UUID(item.reference) in known]
    for start in range(0, len(answered), _AT_ONCE):
        if is_over():
            return
        yield [_result(item, known[UUID(item.reference)]) for item in answered[start : start + _AT_ONCE]]
    wanted = (item for item in items if UUID(item.reference) not in known and not is_over())
    with closing(predict_stream(served.model, wanted, read)) as batches:
        for batch in batches:
            yield [conclude(one) for one in batch]


def _result(item: JobItem, prediction: Prediction) -> Result:
    return Result(item, store=lambda _owner: _store(item, prediction))


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
    try:
        return store_beside(upload=Upload(pk=UUID(item.reference)), prediction=prediction)
    except Upload.DoesNotExist as error:
        raise LostUpload from error
