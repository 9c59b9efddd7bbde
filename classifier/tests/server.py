"""The site as it is run: Gunicorn with its own configuration, processes and files."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from classifier.tests.factories import BASE_DIR, environment, manage


class Site(NamedTuple):
    address: str
    process_id: int
    folder: Path
    env: dict[str, str]


@contextmanager
def serve(folder: Path, **variables: str) -> Iterator[Site]:
    """Serve the site on a free port, with an empty database and everything else that it writes in `folder`."""
    defaults = {"DEBUG": "false", "HTTPS": "false", "ALLOWED_HOSTS": "127.0.0.1", "PORT": "0"}
    env = environment(folder, **defaults | variables)
    for command in ("migrate", "collectstatic"):
        done = manage(command, "--no-input", env=env)
        assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "gunicorn", "--config", "python:cifarsite.gunicorn", "cifarsite.wsgi"]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Site(address_of(process, log), process.pid, folder, env)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()


def address_of(process: subprocess.Popen, log: Path) -> str:
    """Where the server listens, which it says when its socket is open."""
    while process.poll() is None:
        if found := re.search(r"Listening at: (http://[\d.]+:\d+)", log.read_text()):
            return found[1]
    raise AssertionError(log.read_text())


def workers_of(server: int) -> list[int]:
    """The ids of the processes that answer requests: a server's children but the one that keeps its worker."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [
        int(child) for child in children if b"cifarsite.background" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
