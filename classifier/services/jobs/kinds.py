"""The kinds of jobs, each in a module of its own."""

from collections.abc import Callable, Generator
from typing import Protocol

from classifier.models import Job, JobItem
from classifier.services.jobs import (
    archive_job,
    backup_job,
    export_job,
    import_job,
    neighbours_job,
    network_job,
    rescore_job,
    train_job,
)
from classifier.services.jobs.results import Planned, Result


class Kind(Protocol):
    #: The parameters that it knows. A job with another one is a later version's, and left to a worker of that version.
    PARAMETERS: frozenset[str]

    def plan(self, job: Job, last: JobItem | None, /) -> Generator[Planned]:
        """Yield the files after the last one planned, in an order that does not change. Raises JobError."""

    def run(self, job: Job, items: list[JobItem], is_over: Callable[[], bool], /) -> Generator[list[Result]]:
        """Yield the outcome of each file, in groups that are stored together; stop early when `is_over`."""


KINDS: dict[str, Kind] = {
    Job.Kind.CLASSIFY: archive_job,
    Job.Kind.RESCORE: rescore_job,
    Job.Kind.EXPORT: export_job,
    Job.Kind.TRAIN: train_job,
    Job.Kind.NETWORK: network_job,
    Job.Kind.NEIGHBOURS: neighbours_job,
    Job.Kind.BACKUP: backup_job,
    Job.Kind.IMPORT: import_job,
}
