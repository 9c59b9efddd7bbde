"""Progress and owners of jobs, and stuck jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from classifier.models import Job, JobItem, JobPart, Prediction
from classifier.services.people.ownership import Owner, belongs_to, predictions_of

#: An unfinished job without a heartbeat for this long has no worker.
QUIET = timedelta(minutes=5)


@dataclass(frozen=True)
class Progress:
    """total: None before the job is planned. rate: files per second since the start. share: from 0 to 1."""

    done: int
    failed: int
    total: int | None
    rate: float | None
    seconds_left: float | None

    @property
    def settled(self) -> int:
        return self.done + self.failed

    @property
    def not_tried(self) -> int | None:
        """How many files have not been tried: with `done` and `failed` they are `total`."""
        return None if self.total is None else max(self.total - self.settled, 0)

    @property
    def tenths(self) -> int:
        """How many tenths of the files are done or failed."""
        return int(10 * self.share)

    @property
    def share(self) -> float:
        return self.settled / self.total if self.total else 0.0


def jobs_of(owner: Owner) -> QuerySet[Job]:
    """The owner's jobs, newest first. A backup is nobody's who is no superuser any more."""
    found = Job.objects.filter(belongs_to(owner)).select_related("model_version__classifier")
    return found if owner.user and owner.user.is_superuser else found.exclude(kind=Job.Kind.BACKUP)


def progress_of(job: Job) -> Progress:
    """Add up what the job's parts have done."""
    return progress_of_each([job])[job.pk]


def progress_of_each(jobs: Iterable[Job]) -> dict[UUID, Progress]:
    """The progress of several jobs; one query for all of them."""
    jobs = list(jobs)
    parts = JobPart.objects.filter(job__in=jobs).order_by().values("job")
    sums = {one["job"]: (one["done"], one["failed"]) for one in parts.annotate(done=Sum("done"), failed=Sum("failed"))}
    return {job.pk: _progress(job, *sums.get(job.pk, (0, 0))) for job in jobs}


def _progress(job: Job, done: int, failed: int) -> Progress:
    settled = done + failed - job.settled_before
    rate = left = None
    if job.started_at and settled > 0:
        seconds = ((job.ended_at or timezone.now()) - job.started_at).total_seconds()
        rate = settled / seconds if seconds > 0 else None
    if rate and job.is_unfinished and job.total is not None:
        left = max(job.total - done - failed, 0) / rate
    return Progress(done, failed, job.total, rate, left)


def failed_items(job: Job) -> QuerySet[JobItem]:
    return job.items.filter(state=JobItem.State.FAILED).order_by("number")


def predictions_of_job(job: Job, owner: Owner) -> QuerySet[Prediction]:
    """The predictions of the job that still exist and belong to the owner."""
    return predictions_of(owner).filter(pk__in=job.items.exclude(prediction=None).order_by().values("prediction"))


def latest_predictions(job: Job, owner: Owner, *, most: int) -> list[Prediction]:
    """The predictions of the files that were classified last, the last one first."""
    done = job.items.filter(state=JobItem.State.DONE).exclude(prediction=None).order_by("-number")
    ids = list(done.values_list("prediction", flat=True)[:most])
    found = {prediction.pk: prediction for prediction in predictions_of(owner).filter(pk__in=ids)}
    return [found[pk] for pk in ids if pk in found]


def is_stuck(job: Job) -> bool:
    """Whether the job waits or runs without a heartbeat from a worker."""
    return job.is_unfinished and timezone.now() - (job.heartbeat_at or job.created_at) > QUIET


def stuck() -> Q:
    """The condition on jobs that are stuck, as `is_stuck`."""
    before = timezone.now() - QUIET
    is_quiet = Q(heartbeat_at__lt=before) | Q(heartbeat_at=None, created_at__lt=before)
    return Q(state__in=Job.UNFINISHED) & is_quiet
