"""The job that backs up the site; only superusers may start it and download its file."""

import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

from classifier.models import Job, JobItem
from classifier.services.jobs.failures import BackupFailed
from classifier.services.jobs.results import Planned, Result
from classifier.services.jobs.storage import keep_result, new_name
from classifier.services.operations.archive import ArchiveError
from classifier.services.operations.backup import back_up
from classifier.services.operations.storage import storage_errors

ENDING = "tar.gz"
PARAMETERS: frozenset[str] = frozenset()


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    if last is None:
        yield Planned(job.name)


def run(_job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    (item,) = items
    with tempfile.TemporaryDirectory() as folder, storage_errors():
        path = Path(folder) / f"site.{ENDING}"
        try:
            back_up(file=path)
        except ArchiveError as error:
            raise BackupFailed(reason=str(error)[:500]) from error
        if is_over():
            return
        size = path.stat().st_size
        with path.open("rb") as opened:
            name = default_storage.save(new_name(ENDING), File(opened))
    yield [Result(item, store=lambda _owner: keep_result(item.job_id, name, size))]
