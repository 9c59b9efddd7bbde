"""Background housekeeping of a server: expire uploads and sessions, and sweep once after its start.

Gunicorn starts it as a process of its own. Nobody has to set up cron for what a person was promised.
"""

import io
import logging
import os
import time
from collections.abc import Callable
from functools import partial

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import close_old_connections

logger = logging.getLogger("cifarsite.housekeeping")

_TICK_SECONDS = 1.0


class _Lines(io.TextIOBase):
    def __init__(self, level: int) -> None:
        self.level = level

    def write(self, text: str) -> int:
        logger.log(self.level, "%s", text.strip())
        return len(text)


class _Task:
    """Something that is due first after `delay` seconds, and then every `interval` seconds, or never again."""

    def __init__(self, run: Callable[[], None], *, delay: float, interval: float | None) -> None:
        self._run, self._interval = run, interval
        self._due: float | None = time.monotonic() + delay

    def run_if_due(self) -> None:
        if self._due is None or time.monotonic() < self._due:
            return
        self._due = None if self._interval is None else time.monotonic() + self._interval
        try:
            self._run()
        except CommandError as error:
            logger.error("%s", error)
        except Exception:
            logger.exception("Housekeeping has failed and is tried again later.")


def main() -> None:
    django.setup()
    # A file has its row within seconds, or as soon as a long write has ended.
    minutes, seconds = settings.SWEEP_AFTER_MINUTES, settings.PURGE_EVERY_SECONDS
    tasks = [
        _Task(_purge, delay=0, interval=seconds),
        _Task(partial(call_command, "clearsessions"), delay=0, interval=seconds),
    ]
    if settings.SWEEP_AT_START:
        tasks.append(_Task(partial(_sweep, minutes), delay=60 * minutes, interval=None))
    server = os.getppid()
    # A killed server ends nothing itself: this process notices that it has another parent.
    while os.getppid() == server:
        for task in tasks:
            task.run_if_due()
        close_old_connections()
        time.sleep(min(_TICK_SECONDS, seconds))


def _purge() -> None:
    from classifier.services.history.retention import purge_expired

    if gone := purge_expired():
        logger.info("Deleted %d expired uploads.", gone)


def _sweep(minutes: float) -> None:
    call_command(
        "sweep", older_than=minutes, stdout=_Lines(logging.INFO), stderr=_Lines(logging.WARNING), no_color=True
    )


if __name__ == "__main__":
    main()
