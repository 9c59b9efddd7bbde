"""Gunicorn's configuration: `gunicorn --config python:cifarsite.gunicorn cifarsite.wsgi`.

cifarsite.server_settings says what it reads from the environment; PROMETHEUS_MULTIPROC_DIR may name a folder for the
counts of its processes.
"""

import logging
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from environs import EnvError
from gunicorn.glogging import Logger

from cifarsite import server_settings
from cifarsite.environment import DocumentedEnv
from cifarsite.logs import formatter

_base = Path(__file__).resolve().parents[1]
_env = DocumentedEnv(_base)
_env.read(_base / ".env")
try:
    _server = server_settings.read(_env)
except EnvError as error:
    sys.exit(f"{error} Correct the environment variable and start again.")

_processors = os.cpu_count() or 1
_is_debug = os.environ.get("DEBUG", "").lower() in ("true", "t", "1", "yes", "y", "on")

bind = f"{_server.host}:{_server.port}"
workers, threads = _server.processes, _server.threads
os.environ["WEB_THREADS"] = str(threads)
worker_class = "gthread"
keepalive = 5
# A client that sends or takes nothing for so long is ended: otherwise a phone that leaves its network keeps its thread
# forever. A client that sends a byte now and then is the proxy's job: docs/deployment.md.
_CLIENT_SECONDS = _server.client_seconds
# sendfile() would ignore that bound.
sendfile = False
# An interpreter has its own copy of the weights: together the processes have one a processor, not one each.
_OF_EACH_PROCESS = [name for name in ("INTERPRETERS", "DECODERS") if not os.environ.get(name)]
os.environ.setdefault("INTERPRETERS", str(max(_processors // workers, 1)))
os.environ.setdefault("DECODERS", os.environ["INTERPRETERS"])
# The model is loaded by each process after the fork: an interpreter's threads do not survive one.
preload_app = False
timeout = 60
graceful_timeout = 30
# Signs of life are written here: memory, where a slow disk cannot make a living worker look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  # nosec B108
# Nothing manages it from outside while it runs.
control_socket_disable = True
# Gunicorn believes of loopback what anybody may send through a proxy on the same machine: where the site lies, and that
# it was asked by HTTPS. The settings decide what is believed of a proxy (BEHIND_PROXY), and nobody moves the site.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

_background: list[subprocess.Popen] = []


class logger_class(Logger):
    """Gunicorn's own lines are formatted like the site's, and record as little of the request."""

    def setup(self, cfg) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(os.environ.get("LOG_FORMAT") or ("text" if _is_debug else "json")))
        self.error_log.filters = [_is_no_silent_client, _without_what_was_sent]


def _is_no_silent_client(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


def _without_what_was_sent(record: logging.LogRecord) -> bool:
    """Of what is no HTTP, Gunicorn tells where it came from and what it was; of a broken request, its whole address."""
    record.msg = re.sub(r"(?s)^(Invalid request) from ip=\S*(: [^:'\"(]*).*", r"\1\2", str(record.msg))
    if record.msg.startswith("Error handling request %s"):
        record.msg, record.args = "Error handling request", ()
    return True


# Each process counts in files of its own here, and whichever is asked adds them up. In memory, as above; named before
# anything of the site is imported, since that is when prometheus_client looks. It stays when Gunicorn reads this again.
_OWN = "cifarsite-metrics-"
if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_OWN, dir=worker_tmp_dir)
Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)


def on_starting(server) -> None:
    """Forget what another server has counted before."""
    for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db"):
        file.unlink()


def child_exit(server, worker) -> None:
    """Remove an ended process from the gauges; its counters still count."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def post_worker_init(worker) -> None:
    """Whichever process the first image comes to has its decoders, its model and its pages ready, or will at once."""
    from django.conf import settings
    from django.urls import get_resolver

    from cifarsite.exposure import WORDS, public_addresses, public_names
    from classifier.services.models import serving
    from classifier.services.predictions import decoding
    from ml.images.decoder import DecoderUnavailable

    # Said once, by the first process.
    reached = public_addresses(worker.cfg.address) + public_names(settings.ALLOWED_HOSTS)
    if settings.DEBUG and worker.age == 1 and reached:
        worker.log.warning(WORDS, ", ".join(reached))
    try:
        decoding.start()
    except DecoderUnavailable as error:
        worker.log.error("%s", error)
    serving.load_ahead()
    # The views are imported, which Django would do with the first request.
    get_resolver().url_patterns  # noqa: B018


def when_ready(server) -> None:
    """Bound the waits for clients, and start the worker that runs jobs, once for all processes."""
    seconds = struct.pack("ll", int(_CLIENT_SECONDS), int(_CLIENT_SECONDS % 1 * 1_000_000))
    for listener in server.LISTENERS:
        # A connection inherits them from the socket that it came to.
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "cifarsite.settings"}
    # It answers no requests, and uses all processors while nobody else does.
    for name in ("PROMETHEUS_MULTIPROC_DIR", "WEB_THREADS", *_OF_EACH_PROCESS):
        env.pop(name, None)
    # A process of its own: this one never loads the site. The lowest priority: answers come first.
    background = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "cifarsite.background", str(os.getpid())],
        cwd=Path(__file__).parents[1],
        env=env,
        preexec_fn=lambda: os.nice(19),
    )
    _background.append(background)


def on_exit(server) -> None:
    """What the worker has in hand is committed or forgotten; another one continues."""
    for process in _background:
        process.terminate()
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if folder.name.startswith(_OWN):
        shutil.rmtree(folder, ignore_errors=True)
