"""Cancel, resume and retry jobs by changing rows, which their workers notice."""

from django.db import transaction
from django.utils import timezone

from classifier.models import Job, JobItem, JobPart
from classifier.services.jobs.bell import announce
from classifier.services.jobs.claims import move_to_new_parts
from classifier.services.jobs.failures import FilesGone
from classifier.services.jobs.running import PART_SIZE, conclude_job
from classifier.services.jobs.storage import delete_files
from classifier.services.models.training_lease import ask_to_end


def cancel(*, job: Job) -> bool:
    """Cancel an unfinished job: its workers stop after their current files. Return whether it was unfinished."""
    changed = Job.objects.filter(pk=job.pk, state__in=Job.UNFINISHED).update(
        state=Job.State.CANCELLED, ended_at=timezone.now()
    )
    if changed and job.kind == Job.Kind.NETWORK:
        # Its worker may be lost, and its process on another machine.
        ask_to_end(name=job.parameters["name"])
    return bool(changed)


@transaction.atomic
def resume(*, job: Job) -> bool:
    """Resume a cancelled or failed job; return whether it was one. Raises FilesGone."""
    locked = Job.objects.select_for_update().filter(pk=job.pk, state__in=(Job.State.CANCELLED, Job.State.FAILED))
    if (found := locked.first()) is None:
        return False
    _restart(found)
    # Files in progress at the cancellation do not count as a lost worker's.
    found.parts.filter(finished_at=None).update(attempts=0)
    for part in found.parts.filter(finished_at=None):
        announce(part)
    conclude_job(found.pk)
    return True


@transaction.atomic
def retry_failed(*, job: Job) -> int:
    """Retry the failed files of an ended job; return their number. Raises FilesGone."""
    locked = Job.objects.select_for_update().filter(pk=job.pk).exclude(state__in=Job.UNFINISHED)
    if (found := locked.first()) is None:
        return 0
    failed = list(found.items.filter(state=JobItem.State.FAILED).order_by("number"))
    if not failed:
        return 0
    _restart(found)
    JobPart.objects.filter(pk__in={item.part_id for item in failed}).update(failed=0)
    found.items.filter(state=JobItem.State.FAILED).update(state=JobItem.State.WAITING, error_code="", error_values={})
    move_to_new_parts(found, failed, size=found.parameters.get("part_size", PART_SIZE))
    return len(failed)


@transaction.atomic
def discard_files(*, job: Job) -> bool:
    """Delete the archive and the export of an ended job, which can then not be resumed; return whether it had any."""
    ended = Job.objects.select_for_update().filter(pk=job.pk).exclude(state__in=Job.UNFINISHED).first()
    if ended is None or not (ended.file or ended.result):
        return False
    delete_files(ended)
    return True


def _restart(job: Job) -> None:
    if job.kind == Job.Kind.CLASSIFY and not job.file:
        raise FilesGone
    job.settled_before = job.items.exclude(state=JobItem.State.WAITING).count()
    job.state, job.started_at, job.ended_at = Job.State.WAITING, None, None
    job.error_code, job.error_values, job.heartbeat_at = "", {}, None
    job.save()
