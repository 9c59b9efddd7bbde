"""Whether workers attend to the parts that wait, and what to do if they do not."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.models import Job, JobPart
from classifier.services.jobs.bell import announce
from classifier.services.jobs.claims import waiting_parts
from classifier.services.jobs.queues import KINDS_OF_QUEUE, Queue

#: While workers are busy, most messages still wait in the queue; so few more do not matter.
_WHILE_BUSY = 10
#: Leases without a claim or a sign of life while parts wait: then no worker runs, or none hears of them.
_UNATTENDED_LEASES = 2.5


def announce_again() -> int:
    """Announce parts whose message may be lost: they wait for half a lease since the last one. Return how many."""
    since = timezone.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS / 2)
    announced = 0
    for queue in Queue:
        late = waiting_parts(queue).filter(announced_at__lt=since).select_related("job").order_by("announced_at", "pk")
        for part in late[:_WHILE_BUSY] if _is_attended(queue, since) else late.iterator():
            announced += _announce_once_again(part)
    return announced


def unattended_parts(queue: Queue | None = None) -> int:
    """How many parts wait in queues whose workers have neither claimed a part nor given a sign of life for minutes."""
    since = timezone.now() - timedelta(seconds=_UNATTENDED_LEASES * settings.JOB_LEASE_SECONDS)
    queues = [queue] if queue else list(Queue)
    return sum(
        waiting_parts(one).filter(job__created_at__lt=since).count() for one in queues if not _is_attended(one, since)
    )


def _is_attended(queue: Queue, since: datetime) -> bool:
    return Job.objects.filter(kind__in=KINDS_OF_QUEUE[queue], heartbeat_at__gte=since).exists()


def _announce_once_again(part: JobPart) -> bool:
    """Of several processes that notice it, one announces the part."""
    with transaction.atomic():
        unchanged = JobPart.objects.filter(pk=part.pk, announced_at=part.announced_at)
        if unchanged.update(announced_at=timezone.now()):
            announce(part)
            return True
    return False
