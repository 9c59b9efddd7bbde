"""manage.py in a process of its own that is forked from one that has imported the libraries, which takes a second.

Nothing that reads the environment or the settings is imported before the fork.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[2]
_LIBRARIES = (
    "cifarsite",
    "numpy",
    "PIL.Image",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "psycopg",
    "requests",
    "environs",
    "jsonschema",
    "yaml",
    "django.contrib.postgres.fields",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.autodetector",
    "django.forms",
    "django.template.loader",
    "django.test.client",
    "django.views.generic",
    "ml.data.folder_check",
    "ml.images.decoder_pool",
    "ml.images.working_copy",
    "ml.serving.bulk",
    "ml.serving.explanation",
    "ml.serving.inference",
)
_LARGEST = 150_000


def manage(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess:
    """Run manage.py to its end."""
    ours, its = socket.socketpair()
    request = json.dumps([["manage.py", *arguments], env]).encode()
    with ours, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with its:
            socket.send_fds(_server(), [request], [output.fileno(), errors.fileno(), its.fileno()])
        code = int(ours.recv(16))
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(["manage.py", *arguments], code, *texts)


@cache
def _server() -> socket.socket:
    """What takes requests, and ends when this process does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        command = [sys.executable, "-m", "classifier.tests.forking", str(its.fileno())]
        subprocess.Popen(command, cwd=BASE_DIR, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    return ours


def _serve(requests: socket.socket) -> None:
    """Return in a child that is to run what sys.argv says, or exit when nobody asks any more."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _flags, _address = socket.recv_fds(requests, _LARGEST, 3)
        if not request:
            sys.exit()
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output, errors, asker = descriptors
    if child := os.fork():
        _process, status = os.waitpid(child, 0)
        os.write(asker, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in descriptors:
        os.close(descriptor)
    sys.argv, env = json.loads(request)
    os.environ.clear()
    os.environ.update(env)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_path(sys.argv[0], run_name="__main__")
