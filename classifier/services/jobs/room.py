"""Limits of what one person's jobs and those of everybody may store."""

from django.conf import settings
from django.db.models import F, QuerySet, Sum

from classifier.models import Job
from classifier.services.jobs.failures import NoRoom, NoRoomForAnybody, TooManyJobs
from classifier.services.jobs.progress import jobs_of
from classifier.services.people.ownership import Owner
from classifier.services.predictions.intake import MEGABYTE

#: The limit of unfinished jobs per person.
MOST_UNFINISHED = 20


def check_count(owner: Owner) -> None:
    """Raise TooManyJobs if the owner has too many unfinished jobs."""
    if jobs_of(owner).filter(state__in=Job.UNFINISHED).count() >= MOST_UNFINISHED:
        raise TooManyJobs(limit=MOST_UNFINISHED)


def check_bytes(owner: Owner, size: int) -> None:
    """Raise NoRoom, or NoRoomForAnybody, if a file of this size is more than may be stored."""
    most = settings.JOB_MEGABYTES_PER_PERSON
    if stored_bytes(jobs_of(owner)) + size > most * MEGABYTE:
        raise NoRoom(limit=most)
    if stored_bytes(Job.objects.all()) + size > settings.JOB_MEGABYTES * MEGABYTE:
        raise NoRoomForAnybody


def stored_bytes(jobs: QuerySet[Job]) -> int:
    """The size of the jobs' archives and exports."""
    # Backups are the administrators' own business.
    counted = jobs.exclude(kind=Job.Kind.BACKUP).order_by()
    return counted.aggregate(sum=Sum(F("file_bytes") + F("result_bytes"), default=0))["sum"]
