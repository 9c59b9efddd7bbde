"""How Gunicorn serves the site: `gunicorn --config python:cifarsite.gunicorn cifarsite.wsgi`.

Environment: HOST and PORT to listen on, WEB_CONCURRENCY processes, WEB_THREADS in each; SWEEP_AT_START=false for no
`manage.py sweep` at the start.
"""

import os
import subprocess
import sys
from pathlib import Path

_processors = os.cpu_count() or 1

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(_processors, 4))
threads = int(os.environ.get("WEB_THREADS") or 4)
worker_class = "gthread"
# An interpreter has its own copy of the weights: together the processes have one a processor, not one each.
os.environ.setdefault("INTERPRETERS", str(max(_processors // workers, 1)))
# The model is loaded by each process after the fork: an interpreter's threads do not survive one.
preload_app = False
timeout = 60
graceful_timeout = 30
# Signs of life are written here: memory, where a slow disk cannot make a living worker look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# Nothing manages it from outside while it runs.
control_socket_disable = True

_sweeps: list[subprocess.Popen] = []


def when_ready(server) -> None:
    """Remove what a killed server has left behind, once for all processes and without making anybody wait."""
    if os.environ.get("SWEEP_AT_START", "true").lower() in ("false", "0", "no", "off"):
        return
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "cifarsite.settings"}
    # A process of its own: this one never loads the site. The lowest priority: answers come first.
    sweep = subprocess.Popen(
        [sys.executable, "-m", "django", "sweep"],
        cwd=Path(__file__).parents[1],
        env=env,
        preexec_fn=lambda: os.nice(19),
    )
    _sweeps.append(sweep)


def on_exit(server) -> None:
    """A sweep that has not come to its end yet goes on at the next start."""
    for sweep in _sweeps:
        sweep.terminate()
