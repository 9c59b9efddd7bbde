"""The lease of a training run: while its process renews it, the run is healthy, on whichever machine it is."""

import logging
import os
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import TrainingRun

logger = logging.getLogger(__name__)

#: A lease is renewed so many times before it expires.
_BEATS_PER_LEASE = 6


def machine() -> str:
    return f"{platform.node()} ({platform.machine()}, {os.cpu_count()} processors)"[:200]


def is_leased(run: TrainingRun) -> bool:
    """Whether the run's process has not ended and renews the lease."""
    return run.ended_at is None and timezone.now() - run.updated_at <= _length()


def is_interrupted(run: TrainingRun) -> bool:
    """Whether a run is marked as running, but its process or its machine is lost."""
    return run.status == TrainingRun.Status.RUNNING and not is_leased(run)


def held(run: TrainingRun) -> QuerySet[TrainingRun]:
    """The run's row while this process has its lease; none once another process has resumed the run."""
    return TrainingRun.objects.filter(pk=run.pk, machine=run.machine, process_id=run.process_id)


def ask_to_end(*, name: str) -> None:
    """Have the run of this name end after its epoch, on whichever machine it is."""
    running = TrainingRun.objects.filter(name=name, status=TrainingRun.Status.RUNNING, ended_at=None)
    running.update(status=TrainingRun.Status.STOPPED)


@contextmanager
def renewed(run: TrainingRun) -> Iterator[None]:
    """Renew the lease of this process's run while the block runs.

    The process is interrupted, as by Ctrl-C, if the run is asked to end; and at once if another process resumed it.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(run, ended), name="training lease", daemon=True)
    # Shells start processes in the background with SIGINT ignored.
    was_ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if was_ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if was_ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _beat(run: TrainingRun, ended: threading.Event) -> None:
    interrupts = 0
    while not ended.wait(_length().total_seconds() / _BEATS_PER_LEASE):
        try:
            wanted = _wanted_interrupts(run)
        except DatabaseError as error:
            # The lease outlasts several beats.
            logger.warning("The lease of the training %s was not renewed: %s", run, error)
            continue
        finally:
            connection.close()
        if interrupts < wanted:
            interrupts += 1
            os.kill(os.getpid(), signal.SIGINT)


def _wanted_interrupts(run: TrainingRun) -> int:
    """Renew the lease; return 0, or 1 for a process that is to end after its epoch, or 2 for one that is to end now."""
    if not held(run).update(updated_at=timezone.now()):
        return 2
    return int(not held(run).filter(status=TrainingRun.Status.RUNNING).exists())


def _length() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)
