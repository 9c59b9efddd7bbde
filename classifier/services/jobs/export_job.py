"""The job that writes an export of any size to a file, which expires after a day."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, replace
from datetime import date
from typing import Any, cast
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from classifier.models import Job, JobItem, ModelVersion, Prediction, Pupil
from classifier.services.history.export import csv_lines, folders_of_people, zip_blocks
from classifier.services.history.pagination import NEWEST_FIRST, walk
from classifier.services.history.search import Search
from classifier.services.jobs.results import Planned, Result
from classifier.services.jobs.room import check_bytes
from classifier.services.jobs.storage import keep_result, new_name
from classifier.services.operations.storage import storage_errors
from classifier.services.people.ownership import Owner, current_predictions, with_details

#: group, pupil: whose results a teacher exports; without them the job's owner's.
PARAMETERS = frozenset({"format", "search", "group", "pupil"})
FORMATS = ("csv", "zip")
#: Up to so many predictions are exported while one waits.
AT_ONCE = {"csv": 5_000, "zip": 500}
_DAYS = ("since", "until")


def as_parameters(search: Search, ending: str) -> dict[str, Any]:
    """The search as a job's row stores it."""
    fields = asdict(replace(search, model=None)) | {"model": search.model.pk if search.model else None}
    fields["classifier"] = str(search.classifier) if search.classifier else None
    for day in _DAYS:
        fields[day] = fields[day].isoformat() if fields[day] else None
    return {"format": ending, "search": fields}


def is_large(search: Search, owner: Owner, ending: str) -> bool:
    """Whether the search finds more than is exported while one waits; it counts no further."""
    most = AT_ONCE[ending]
    return search.of(owner).order_by()[most : most + 1].exists()


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    if last is None:
        yield Planned(f"predictions.{job.parameters['format']}")


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    (item,) = items
    with storage_errors(), tempfile.TemporaryFile() as file:
        for block in _blocks(job):
            if is_over():
                return
            file.write(block)
        size = file.tell()
        check_bytes(Owner(user=job.owner, visitor=job.visitor), size)
        file.seek(0)
        # Written outside the transaction, which would block others; the sweep deletes it if it has no row.
        name = default_storage.save(new_name(job.parameters["format"]), File(file))
    yield [Result(item, store=lambda _owner: keep_result(job.pk, name, size))]


def predictions_to_export(job: Job) -> QuerySet[Prediction]:
    """The predictions that match the search and existed when the job was submitted."""
    if "group" in job.parameters:
        return pupils_predictions(job).filter(created_at__lte=job.created_at)
    owner = Owner(user=job.owner, visitor=job.visitor)
    return _search(job).of(owner).filter(created_at__lte=job.created_at)


def pupils_predictions(job: Job) -> QuerySet[Prediction]:
    """The predictions of a group's pupils, or of one, if the job's owner is still their teacher."""
    pupils = Pupil.objects.filter(group=job.parameters["group"], group__teacher=job.owner_id)
    if job.parameters["pupil"]:
        pupils = pupils.filter(pk=job.parameters["pupil"])
    found = with_details(current_predictions().order_by("-created_at", "-id"))
    return found.filter(owner__pupil__in=pupils).select_related("upload", "owner__pupil")


def _nickname(prediction: Prediction) -> str:
    return prediction.owner.pupil.nickname if prediction.owner else ""


def _blocks(job: Job) -> Iterator[bytes]:
    if "group" in job.parameters:
        predictions = predictions_to_export(job)
        lines = csv_lines(walk(predictions), owner_name=_nickname)
        return zip_blocks(predictions, NEWEST_FIRST, table=lines, place=folders_of_people(_nickname))
    predictions, order = predictions_to_export(job), _search(job).row_order
    if job.parameters["format"] == "zip":
        return zip_blocks(predictions, order)
    return (line.encode() for line in csv_lines(cast(Iterator[Prediction], walk(predictions, order=order))))


def _search(job: Job) -> Search:
    fields = dict(job.parameters["search"])
    for day in _DAYS:
        fields[day] = date.fromisoformat(fields[day]) if fields[day] else None
    fields["model"] = ModelVersion.objects.filter(pk=fields["model"]).first() if fields["model"] else None
    fields["classifier"] = UUID(fields["classifier"]) if fields.get("classifier") else None
    return Search(**fields)
