"""Claims and leases on the parts of a job, and the recovery of parts of lost workers."""

import logging
import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from classifier.models import Job, JobItem, JobPart
from classifier.services.jobs.bell import announce
from classifier.services.jobs.failures import StoppedItsReader
from classifier.services.jobs.queues import KINDS_OF_QUEUE, Queue

logger = logging.getLogger(__name__)

#: Lost workers after which a part is split into single files, or given up if it is one.
MOST_LOST = 3
#: Another worker may be faster; then try the next part.
_CANDIDATES, _TRIES = 8, 20
#: A lease is renewed so many times before it expires.
_BEATS_PER_LEASE = 6

_run_id = uuid4().hex[:8]


def worker_name() -> str:
    """The name of this process in claims. Process ids repeat, in containers even at once."""
    return f"{platform.node()}:{os.getpid()}:{_run_id}"


def _renew_run_id() -> None:
    global _run_id
    _run_id = uuid4().hex[:8]


# Celery forks a worker's processes.
os.register_at_fork(after_in_child=_renew_run_id)


class ClaimLost(Exception):
    """The part belongs to another worker now, or its job was cancelled or deleted: store nothing more."""


def claim_part(queue: Queue | None = None) -> JobPart | None:
    """Claim a free part of the job that has waited longest; return it with its job. queue: by default any."""
    for _try in range(_TRIES):
        in_turn = waiting_parts(queue).order_by(
            F("job__heartbeat_at").asc(nulls_first=True), "job__created_at", "number"
        )
        candidates = list(in_turn.values_list("pk", flat=True)[:_CANDIDATES])
        for part_id in candidates:
            if part := _claim(part_id):
                return part
        if len(candidates) < _CANDIDATES:
            break
    return None


def waiting_parts(queue: Queue | None = None) -> QuerySet[JobPart]:
    """The free parts of unfinished jobs, without the kinds of jobs that a later version may have added."""
    kinds = KINDS_OF_QUEUE[queue] if queue else Job.Kind.values
    return _free(timezone.now()).filter(job__state__in=Job.UNFINISHED, job__kind__in=kinds)


def lease_length() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def locked(part: JobPart) -> Job:
    """Lock a claimed part until the transaction ends, and return its job. Raises ClaimLost."""
    if not _held(part).select_for_update().exists():
        raise ClaimLost(str(part))
    # Reload: the job may have been moved to an account, or cancelled.
    job = Job.objects.select_related("owner", "model_version").filter(pk=part.job_id).first()
    if job is None or not job.is_unfinished:
        raise ClaimLost(str(part))
    return job


def release(part: JobPart) -> None:
    """Release the part at once; the attempt does not count."""
    _held(part).update(claim=None, claimed_by="", lease_until=None, attempts=F("attempts") - 1)


def abandon(part: JobPart) -> None:
    """Release the part at once; the attempt counts as a lost worker."""
    _held(part).update(claim=None, claimed_by="", lease_until=None)


def free_parts_of_dead_workers() -> int:
    """Free the parts of dead workers on this machine before their leases expire; return how many."""
    freed = 0
    for part in JobPart.objects.filter(finished_at=None, claimed_by__startswith=f"{platform.node()}:"):
        if part.claimed_by != worker_name() and _is_dead(part.claimed_by):
            freed += _held(part).update(claim=None, claimed_by="", lease_until=None)
    return freed


@transaction.atomic
def split_up(part: JobPart) -> None:
    """Split a part that lost too many workers into one part per file; a single file fails."""
    job = locked(part)
    waiting = part.items.filter(state=JobItem.State.WAITING).order_by("number")
    if part.number == 0:
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.FAILED, ended_at=timezone.now(), error_code=StoppedItsReader.code
        )
        return
    if len(waiting) == 1:
        waiting.update(state=JobItem.State.FAILED, error_code=StoppedItsReader.code, error_values={})
        JobPart.objects.filter(pk=part.pk).update(failed=F("failed") + 1)
    else:
        move_to_new_parts(job, list(waiting), size=1)


def move_to_new_parts(job: Job, items: list[JobItem], *, size: int) -> None:
    """Move files of a job to new parts without lost attempts."""
    number = job.parts.aggregate(last=Max("number"))["last"]
    for start in range(0, len(items), size):
        number += 1
        part = JobPart.objects.create(job=job, number=number, tried=True)
        ids = [item.pk for item in items[start : start + size]]
        JobItem.objects.filter(pk__in=ids).update(part=part)
        announce(part)


class Lease:
    """Renew a part's lease while the block runs. `is_over`: start nothing more."""

    def __init__(self, part: JobPart, is_stopping: Callable[[], bool]) -> None:
        self.part = part
        self._is_stopping = is_stopping
        self._lost, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def is_over(self) -> bool:
        return self._lost.is_set() or self._is_stopping()

    def renew(self) -> None:
        now = timezone.now()
        is_held = _held(self.part).update(lease_until=now + lease_length())
        is_wanted = Job.objects.filter(pk=self.part.job_id, state__in=Job.UNFINISHED).update(heartbeat_at=now)
        if not (is_held and is_wanted):
            self._lost.set()

    def _beat(self) -> None:
        while not self._ended.wait(settings.JOB_LEASE_SECONDS / _BEATS_PER_LEASE):
            try:
                self.renew()
            except DatabaseError as error:
                # The lease outlasts several beats.
                logger.warning("The lease of the part %s was not renewed: %s", self.part, error)
            finally:
                connection.close()


def _free(now: datetime) -> QuerySet[JobPart]:
    return JobPart.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), finished_at=None)


def _held(part: JobPart) -> QuerySet[JobPart]:
    return JobPart.objects.filter(pk=part.pk, claim=part.claim, finished_at=None)


def _claim(part_id: int) -> JobPart | None:
    now, claim = timezone.now(), uuid4()
    # One statement, so that only one of two workers changes the row.
    changed = (
        _free(now)
        .filter(pk=part_id)
        .update(claim=claim, claimed_by=worker_name(), lease_until=now + lease_length(), attempts=F("attempts") + 1)
    )
    if not changed:
        return None
    try:
        return _claimed(claim, now)
    except DatabaseError:
        # A worker that is newer than the database cannot read the job. That does not count as a lost attempt.
        with suppress(DatabaseError):
            release(JobPart(pk=part_id, claim=claim))
        raise


def _claimed(claim: UUID, now: datetime) -> JobPart | None:
    """Return the part with its job, which runs now; None if the job was ended or deleted."""
    part = JobPart.objects.select_related("job__model_version", "job__owner").filter(claim=claim).first()
    if part is None:
        return None
    job = Job.objects.filter(pk=part.job_id, state__in=Job.UNFINISHED)
    if not job.update(state=Job.State.RUNNING, heartbeat_at=now):
        release(part)
        return None
    job.filter(started_at=None).update(started_at=now)
    part.job.refresh_from_db()
    return part


def _is_dead(worker: str) -> bool:
    process_id = int(worker.split(":")[-2])
    if process_id == os.getpid():
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
