"""What became of each file of a job, as a table."""

import csv
import io
from collections.abc import Iterator

from classifier.models import Job, JobItem, Prediction
from classifier.services.history.export import OwnPlaces, zip_blocks
from classifier.services.history.pagination import NEWEST_FIRST
from classifier.services.history.spreadsheets import BYTE_ORDER_MARK, plain_text
from classifier.services.jobs.failures import explain_failure
from classifier.services.jobs.progress import failed_items, predictions_of_job
from classifier.services.people.ownership import Owner, predictions_of

_COLUMNS = ("file_name", "state", "class", "confidence", "abstained", "model", "error", "prediction")
_CHUNK = 500
#: How a job's images are arranged: by class, or in the folders in which they were uploaded.
LAYOUTS = ("classes", "folders")


def job_lines(job: Job, owner: Owner) -> Iterator[str]:
    """A header and a line per file in order, including failed files and deleted results."""
    yield BYTE_ORDER_MARK + _line(_COLUMNS)
    last = -1
    while chunk := list(job.items.filter(number__gt=last).order_by("number")[:_CHUNK]):
        last = chunk[-1].number
        found = predictions_of(owner).in_bulk([item.prediction_id for item in chunk if item.prediction_id])
        for item in chunk:
            yield _line(_row(item, found.get(item.prediction_id)))


def error_lines(job: Job) -> Iterator[str]:
    """A header and a line per failed file, with the code of its error and what to do."""
    yield BYTE_ORDER_MARK + _line(("file_name", "code", "error"))
    for item in failed_items(job).iterator(chunk_size=_CHUNK):
        error = explain_failure(item.error_code, item.error_values)
        yield _line([plain_text(item.name), item.error_code, error])


def job_zip(job: Job, owner: Owner, *, layout: str) -> Iterator[bytes]:
    """A ZIP of the job's images and its table. layout: one of LAYOUTS."""
    place = OwnPlaces() if layout == "folders" else None
    return zip_blocks(predictions_of_job(job, owner), NEWEST_FIRST, table=job_lines(job, owner), place=place)


def _row(item: JobItem, prediction: Prediction | None) -> list[str]:
    error = explain_failure(item.error_code, item.error_values) if item.error_code else ""
    answer = ["", "", "", "", error, ""]
    if prediction is not None:
        answer = [
            plain_text(prediction.predicted_class),
            f"{prediction.confidence:.6f}",
            str(prediction.abstained).lower(),
            plain_text(prediction.model_version.full_name),
            error,
            str(prediction.pk),
        ]
    return [plain_text(item.name), item.state, *answer]


def _line(values: tuple[str, ...] | list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow(values)
    return text.getvalue()
