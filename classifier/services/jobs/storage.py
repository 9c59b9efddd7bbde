"""The files of a job, its archive or export, and the deletion of old jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from classifier.models import Job
from classifier.services.jobs.failures import FilesGone
from classifier.services.operations.file_deletion import delete_file
from classifier.services.operations.storage import Reason, StorageUnavailable
from classifier.services.operations.sweep import OLD, Orphan
from classifier.storages.stored import site_storage

FOLDER = "jobs"
#: How long an ended job is kept.
ROWS_KEPT = timedelta(days=30)


def new_name(ending: str) -> str:
    """A unique name, even among attempts to store the same file."""
    return f"{FOLDER}/{uuid4()}.{ending}"


@contextmanager
def opened_archive(job: Job) -> Iterator[File]:
    """The job's archive. Raises FilesGone, StorageUnavailable."""
    if not job.file.name:
        raise FilesGone
    try:
        opened = default_storage.open(job.file.name, "rb")
    except FileNotFoundError as error:
        raise FilesGone from error
    except OSError as error:
        raise StorageUnavailable(Reason.UNUSABLE, error) from error
    with opened:
        yield opened


def keep_result(job_id: UUID, name: str, size: int) -> None:
    """Record the stored file that a job has made."""
    Job.objects.filter(pk=job_id).update(result=name, result_bytes=size)


def delete_archive(job: Job) -> None:
    """Delete the job's archive once the transaction is committed."""
    _delete_file(job, "file")


def delete_files(job: Job) -> None:
    """Delete the job's archive and export once the transaction is committed."""
    for field in ("file", "result"):
        _delete_file(job, field)


def delete_old_jobs() -> int:
    """Delete files of jobs after JOB_FILES_HOURS, and jobs that are no longer shown; return how many jobs that was."""
    now = timezone.now()
    ended = Job.objects.exclude(file="", result="").filter(
        ended_at__lte=now - timedelta(hours=settings.JOB_FILES_HOURS)
    )
    for job in ended.iterator():
        delete_files(job)
    oldest_visit = now - timedelta(days=settings.ANONYMOUS_DAYS)
    old = Job.objects.filter(Q(ended_at__lte=now - ROWS_KEPT) | Q(visitor__isnull=False, created_at__lte=oldest_visit))
    deleted = 0
    for job in old:
        deleted += bool(job.delete()[0])
    return deleted


def sweep_job_files(*, older_than: timedelta = OLD, dry_run: bool = False) -> Iterator[Orphan]:
    """Delete files of this age that belong to no job, and yield them. Raises OSError, DatabaseError."""
    limit = timezone.now() - older_than
    for file in site_storage().listing(FOLDER):
        if file.modified < limit and not Job.objects.filter(Q(file=file.name) | Q(result=file.name)).exists():
            if not dry_run:
                default_storage.delete(file.name)
            yield Orphan(file.name, file.size)


def _delete_file(job: Job, field: str) -> None:
    if name := getattr(job, field).name:
        Job.objects.filter(pk=job.pk).update(**{field: "", f"{field}_bytes": 0})
        transaction.on_commit(partial(delete_file, name))
