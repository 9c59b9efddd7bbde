"""manage.py worker: run jobs and periodic work."""

import io
import logging
import os
import signal
import threading
from functools import partial

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connections

from classifier.services.jobs.attendance import unattended_parts
from classifier.services.jobs.periodic import Task, periodic_tasks
from classifier.services.jobs.queues import Queue
from classifier.services.jobs.running import Unable, work_once
from classifier.services.predictions import decoding

logger = logging.getLogger(__name__)

#: How often it looks for jobs, and how long it waits while disk, database or model cannot do their part.
_IDLE_SECONDS, _UNABLE_SECONDS = 1.0, 10.0


class _Lines(io.TextIOBase):
    """Each line that a command writes is one of the log."""

    def __init__(self, level: int) -> None:
        self.level = level

    def write(self, text: str) -> int:
        logger.log(self.level, "%s", text.strip())
        return len(text)


class Command(BaseCommand):
    help = (
        "Run jobs, delete what has expired, and sweep once after the start. Gunicorn keeps one such process beside "
        "the site; start more to run more at once. It ends after the files in hand when it is told to. With "
        "CELERY_BROKER_URL it leaves jobs to Celery's workers, and announces parts again that none has claimed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="End when there is no job left.")
        parser.add_argument(
            "--check",
            action="store_true",
            help="Run nothing. Fail if parts of jobs wait and no worker has claimed one for minutes.",
        )
        parser.add_argument("--queue", choices=[*Queue], help="With --check: of this queue alone.")
        parser.add_argument(
            "--parent", type=int, metavar="PID", help="End when this process, which has started it, is no more."
        )

    def handle(self, *, once: bool, parent: int | None, check: bool, queue: str | None, **options) -> None:
        if check:
            _check(Queue(queue) if queue else None)
            return
        worker = _Worker(parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, worker.stop)
        try:
            worker.work(once=once)
        finally:
            decoding.stop()


class _Worker:
    def __init__(self, parent: int | None) -> None:
        self._parent = parent
        self._stopped = threading.Event()
        self._wait = min(_IDLE_SECONDS, settings.PURGE_EVERY_SECONDS)
        self._tasks = periodic_tasks(seconds=settings.PURGE_EVERY_SECONDS)
        if settings.SWEEP_AT_START:
            # A file has its row within seconds, or as soon as a long write has ended.
            minutes = settings.SWEEP_AFTER_MINUTES
            self._tasks.append(Task(partial(_sweep, minutes), delay=60 * minutes))

    def stop(self, *_arguments: object) -> None:
        self._stopped.set()

    def is_stopping(self) -> bool:
        # A server that was killed ends nothing itself.
        return self._stopped.is_set() or (self._parent is not None and os.getppid() != self._parent)

    def work(self, *, once: bool) -> None:
        trainer = threading.Thread(target=self._train, name="trainer")
        is_alone = not once and not settings.CELERY_BROKER_URL
        if is_alone:
            trainer.start()
        try:
            self._work(once=once)
        finally:
            if is_alone:
                self._stopped.set()
                trainer.join()

    def _train(self) -> None:
        """Trainings take hours; the other jobs do not wait for them."""
        while not self.is_stopping():
            try:
                is_idle = not work_once(queue=Queue.TRAINING, is_stopping=self.is_stopping)
            except (Unable, DatabaseError) as error:
                logger.warning("Trainings wait: %s", error)
                is_idle = True
            close_old_connections()
            if is_idle:
                self._stopped.wait(self._wait)
        connections.close_all()

    def _work(self, *, once: bool) -> None:
        while not self.is_stopping():
            for task in self._tasks:
                task.run_if_due()
            if settings.CELERY_BROKER_URL and not once:
                close_old_connections()
                self._stopped.wait(self._wait)
                continue
            try:
                queue = None if once else Queue.IMAGES
                is_idle, wait = not work_once(queue=queue, is_stopping=self.is_stopping), self._wait
            except (Unable, DatabaseError) as error:
                logger.warning("Jobs wait for %g s: %s", _UNABLE_SECONDS, error)
                is_idle, wait = True, _UNABLE_SECONDS
            else:
                if is_idle and once:
                    return
            close_old_connections()
            if is_idle:
                self._stopped.wait(wait)


def _check(queue: Queue | None) -> None:
    if waiting := unattended_parts(queue):
        raise CommandError(f"Parts of jobs wait, and no worker claims them: {waiting}.")


def _sweep(minutes: float) -> None:
    try:
        call_command(
            "sweep", older_than=minutes, stdout=_Lines(logging.INFO), stderr=_Lines(logging.WARNING), no_color=True
        )
    except CommandError as error:
        logger.error("%s", error)
