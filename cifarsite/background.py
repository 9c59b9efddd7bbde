"""Keeps `manage.py worker` running beside a server: started again when it dies, ended with the server.

Gunicorn starts it as a process of its own, with its own process id as the argument. It loads nothing of the site.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

from cifarsite.logs import formatter

logger = logging.getLogger("cifarsite.background")

_TICK_SECONDS = 0.5
#: A worker that dies at once is started again after so long, twice as long each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: One that has lived for so long was well.
_WELL_SECONDS = 60.0
#: The files in hand are finished; then it is killed.
_GRACE_SECONDS = 25.0


def main() -> None:
    _log_as_the_site_does()
    server, ended = int(sys.argv[1]), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: ended.set())
    pause = _FIRST_PAUSE
    # A killed server ends nothing itself: this process notices that it has another parent.
    while not ended.is_set() and os.getppid() == server:
        began = time.monotonic()
        command = [sys.executable, "-m", "django", "worker", "--parent", str(os.getpid())]
        worker = subprocess.Popen(command)  # noqa: S603
        while worker.poll() is None and os.getppid() == server and not ended.wait(_TICK_SECONDS):
            pass
        if worker.poll() is None:
            _end(worker)
            return
        if not ended.is_set():
            pause = _FIRST_PAUSE if time.monotonic() - began > _WELL_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            logger.error("The worker has ended (status %s). Starting another in %g s.", worker.returncode, pause)
            ended.wait(pause)


def _end(worker: subprocess.Popen) -> None:
    worker.terminate()
    try:
        worker.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _log_as_the_site_does() -> None:
    is_debug = os.environ.get("DEBUG", "").lower() in ("true", "t", "1", "yes", "y", "on")
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(os.environ.get("LOG_FORMAT") or ("text" if is_debug else "json")))
    logger.addHandler(handler)


if __name__ == "__main__":
    main()
