"""Plan or run a claimed part: each file's outcome and its results are committed together."""

import logging
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import islice
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Count, F, Max
from django.utils import timezone

from classifier.models import Job, JobItem, JobPart, Prediction
from classifier.services.jobs.bell import announce
from classifier.services.jobs.claims import (
    MOST_LOST,
    ClaimLost,
    Lease,
    abandon,
    claim_part,
    locked,
    release,
    split_up,
)
from classifier.services.jobs.failures import JobError
from classifier.services.jobs.kinds import KINDS, Planned, Result
from classifier.services.jobs.queues import Queue
from classifier.services.jobs.storage import delete_archive
from classifier.services.models.serving import NoModel
from classifier.services.operations.storage import StorageUnavailable, as_unavailable
from classifier.services.people.ownership import Owner
from ml.images.decoder import DecoderUnavailable
from ml.images.errors import ImageError

logger = logging.getLogger(__name__)

#: Files of a part: seconds to two minutes of work.
PART_SIZE = 200
#: Parts planned per transaction.
_PARTS_AT_ONCE = 5


class Unable(Exception):
    """A temporary failure of disk, database or model, or a job of a later version. The part is free again."""


def work_once(*, queue: Queue | None = None, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Claim one part and run it; return whether there was one. queue: by default any. Raises Unable."""
    part = claim_part(queue)
    if part is None:
        return False
    if unknown := set(part.job.parameters) - KINDS[part.job.kind].PARAMETERS:
        release(part)
        raise Unable(f"A later version has submitted the job {part.job_id}: {', '.join(sorted(unknown))}.")
    try:
        if part.attempts > MOST_LOST:
            split_up(part)
            _conclude_part(part)
            return True
        with Lease(part, is_stopping) as lease:
            is_done = _plan(part, lease) if part.number == 0 else _run(part, lease)
        if is_done:
            _conclude_part(part)
        else:
            release(part)
            announce(part)
    except ClaimLost:
        # Its unfinished file is forgotten; a part of a cancelled job is free to be resumed.
        release(part)
    except JobError as error:
        _fail(part, error)
    except (StorageUnavailable, NoModel, DecoderUnavailable) as error:
        release(part)
        raise Unable(str(error)) from error
    except Exception as error:
        if unavailable := as_unavailable(error):
            with suppress(DatabaseError):
                release(part)
            raise Unable(str(unavailable)) from error
        logger.exception("Part %s failed.", part)
        abandon(part)
    return True


def _plan(part: JobPart, lease: Lease) -> bool:
    """Create the rows of the job's files and parts, resuming if interrupted. Return whether all exist."""
    job = part.job
    size = job.parameters.get("part_size", PART_SIZE)
    last = job.items.order_by("-number").first()
    planned = KINDS[job.kind].plan(job, last)
    with closing(planned):
        while chunk := list(islice(planned, size * _PARTS_AT_ONCE)):
            if lease.is_over():
                return False
            with transaction.atomic():
                _add(locked(part), chunk, size)
    return True


def _add(job: Job, planned: list[Planned], size: int) -> None:
    numbers = job.items.aggregate(last=Max("number"), count=Count("pk"))
    number = 0 if numbers["last"] is None else numbers["last"] + 1
    part_number = job.parts.aggregate(last=Max("number"))["last"]
    for start in range(0, len(planned), size):
        part_number += 1
        part = JobPart.objects.create(job=job, number=part_number)
        announce(part)
        JobItem.objects.bulk_create(
            JobItem(job=job, part=part, number=number + start + place, name=one.name, reference=one.reference)
            for place, one in enumerate(planned[start : start + size])
        )
    Job.objects.filter(pk=job.pk).update(total=numbers["count"] + len(planned))


def _run(part: JobPart, lease: Lease) -> bool:
    """Run the unfinished files of a part; return whether it reached the end."""
    items = list(part.items.filter(state=JobItem.State.WAITING).order_by("number"))
    if not items:
        return True
    # For the next claim, if this worker is lost; `part` itself still says what the worker before did.
    JobPart.objects.filter(pk=part.pk).update(tried=True)
    with closing(KINDS[part.job.kind].run(part.job, items, lease.is_over)) as batches:
        for batch in batches:
            _record(part, batch)
            if lease.is_over():
                return False
    # A kind of job ends early when it is over, perhaps before its first group.
    return not part.items.filter(state=JobItem.State.WAITING).exists()


@transaction.atomic
def _record(part: JobPart, batch: list[Result]) -> None:
    """Store the results of some files and mark them as done, in one transaction."""
    job = locked(part)
    owner = Owner(user=job.owner, visitor=job.visitor)
    done = failed = 0
    for result in batch:
        prediction, error = None, result.error
        if error is None and result.store is not None:
            try:
                prediction = result.store(owner)
            except ImageError as refused:
                error = refused
        _settle(result.item, prediction, error)
        done, failed = done + (error is None), failed + (error is not None)
    JobPart.objects.filter(pk=part.pk).update(done=F("done") + done, failed=F("failed") + failed)


def _settle(item: JobItem, prediction: Prediction | None, error: ImageError | None) -> None:
    item.state = JobItem.State.DONE if error is None else JobItem.State.FAILED
    item.prediction = prediction
    item.error_code, item.error_values = (error.code, error.values) if error else ("", {})
    item.save(update_fields=["state", "prediction", "error_code", "error_values"])


@transaction.atomic
def _conclude_part(part: JobPart) -> None:
    """The part is finished; with the last one its job is."""
    finished = JobPart.objects.filter(pk=part.pk, claim=part.claim, finished_at=None)
    if finished.update(finished_at=timezone.now(), claim=None, claimed_by="", lease_until=None):
        conclude_job(part.job_id)


def conclude_job(job_id: UUID) -> None:
    """Finish a job without unfinished parts; called within a transaction."""
    # If two workers finish the last two parts, the second one sees the first one's.
    job = Job.objects.select_for_update().filter(pk=job_id, state__in=Job.UNFINISHED).first()
    if job is None or job.parts.filter(finished_at=None).exists():
        return
    job.state, job.ended_at = Job.State.FINISHED, timezone.now()
    job.save(update_fields=["state", "ended_at"])
    if not job.parts.filter(failed__gt=0).exists():
        delete_archive(job)


@transaction.atomic
def _fail(part: JobPart, error: JobError) -> None:
    Job.objects.filter(pk=part.job_id, state__in=Job.UNFINISHED).update(
        state=Job.State.FAILED, ended_at=timezone.now(), error_code=error.code, error_values=error.values
    )
    release(part)
