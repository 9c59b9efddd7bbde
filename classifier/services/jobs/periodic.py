"""Periodic work of a worker: expire uploads, jobs and sessions, and sweep once after its start."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from classifier.services.history.retention import purge_expired
from classifier.services.jobs.attendance import announce_again
from classifier.services.jobs.claims import free_parts_of_dead_workers
from classifier.services.jobs.storage import delete_old_jobs

logger = logging.getLogger(__name__)

_DEAD_WORKERS_SECONDS = 5.0


class Task:
    """A task that is due after `delay` seconds, and then every `interval` seconds or never again."""

    def __init__(self, run: Callable[[], None], *, delay: float = 0, interval: float | None = None) -> None:
        self._run, self._interval = run, interval
        self._due: float | None = time.monotonic() + delay

    def run_if_due(self) -> None:
        if self._due is None or time.monotonic() < self._due:
            return
        self._due = None if self._interval is None else time.monotonic() + self._interval
        try:
            self._run()
        except Exception:
            logger.exception("Periodic work failed; it will be retried.")


def periodic_tasks(*, seconds: float) -> list[Task]:
    """Work that is due at an interval in seconds."""
    return [
        Task(_purge, interval=seconds),
        Task(_free_parts, interval=_DEAD_WORKERS_SECONDS),
        Task(_announce_again, interval=settings.JOB_LEASE_SECONDS / 8),
    ]


def delete_expired_sessions() -> int:
    """Delete expired sessions; return their number."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]


def _purge() -> None:
    if gone := purge_expired():
        logger.info("Deleted %d expired uploads.", gone)
    if gone := delete_old_jobs():
        logger.info("Deleted %d old jobs.", gone)
    delete_expired_sessions()


def _free_parts() -> None:
    if freed := free_parts_of_dead_workers():
        logger.info("Freed %d parts of lost workers.", freed)


def _announce_again() -> None:
    if settings.CELERY_BROKER_URL and (found := announce_again()):
        logger.info("Announced %d waiting parts again.", found)
