"""The members of a job's archive as its items, for every kind of job that reads one."""

from collections.abc import Container, Generator
from contextlib import closing

from classifier.models import Job, JobItem
from classifier.services.jobs.archives import Archive
from classifier.services.jobs.failures import DamagedMember
from classifier.services.jobs.results import Planned
from classifier.services.jobs.storage import opened_archive
from classifier.services.operations.storage import as_unavailable


def planned_members(job: Job, last: JobItem | None, left_out: Container[str] = ()) -> Generator[Planned]:
    """Plan an item for each member after the last planned one, but for those with names in `left_out`."""
    with opened_archive(job) as file, closing(Archive(file)) as archive:
        begin = int(last.reference) + 1 if last else 0
        for member in archive.members:
            if member.position >= begin and member.name not in left_out:
                yield Planned(member.name, str(member.position))


def content_of(archive: Archive, item: JobItem) -> bytes:
    """Return the member of a planned item. Raises ImageError, StorageUnavailable."""
    try:
        return archive.read(int(item.reference))
    except OSError as error:
        # The storage failed, not this file.
        if unavailable := as_unavailable(error):
            raise unavailable from error
        raise DamagedMember from error
