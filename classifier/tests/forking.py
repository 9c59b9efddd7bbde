"""manage.py or a server in a process that is forked from one that has imported the libraries, which takes a second.

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
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

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


class Process:
    """One that was started by `start`; it is asked to do what subprocess.Popen is asked to."""

    def __init__(self, process_id: int, line: socket.socket) -> None:
        self.pid = process_id
        self.returncode: int | None = None
        self._line = line

    def poll(self) -> int | None:
        self._line.setblocking(False)
        with suppress(BlockingIOError):
            self._receive()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._line.settimeout(timeout)
        self._receive()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _receive(self) -> None:
        if self.returncode is None:
            self.returncode = int(self._line.recv(16))
            self._line.close()


def start(program: str, arguments: list[str], env: dict[str, str], output: IO, errors: IO) -> Process:
    """Start a program of Python: manage.py, or a module's name."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps([program, arguments, env]).encode()
    with its:
        socket.send_fds(_server(), [request], [output.fileno(), errors.fileno(), its.fileno()])
    return Process(int(ours.recv(16)), ours)


def manage(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess:
    """Run manage.py to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = start("manage.py", arguments, env, output, errors).wait()
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


def _serve(requests: socket.socket) -> str:
    """Return in a child, with the program that it is to run, or exit when nobody asks any more."""
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
        os.write(asker, str(child).encode())
        _process, status = os.waitpid(child, 0)
        os.write(asker, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in descriptors:
        os.close(descriptor)
    program, arguments, env = json.loads(request)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [program, *arguments]
    return program


if __name__ == "__main__":
    chosen = _serve(socket.socket(fileno=int(sys.argv[1])))
    if chosen.endswith(".py"):
        runpy.run_path(chosen, run_name="__main__")
    else:
        runpy.run_module(chosen, run_name="__main__", alter_sys=True)
