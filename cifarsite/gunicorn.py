"""How Gunicorn serves the site: `gunicorn --config python:cifarsite.gunicorn cifarsite.wsgi`.

Environment: HOST and PORT to listen on, WEB_CONCURRENCY processes, WEB_THREADS in each.
"""

import os

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
