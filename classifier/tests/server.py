"""The site as it is run: Gunicorn with its own configuration, processes and files."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from classifier.tests import forking
from classifier.tests.factories import environment, manage
from classifier.tests.migrated import migrate

_PRODUCTION = {"DEBUG": "false", "HTTPS": "false", "ALLOWED_HOSTS": "127.0.0.1", "PORT": "0"}


class Site(NamedTuple):
    address: str
    process_id: int
    folder: Path
    env: dict[str, str]


def prepare(env: dict[str, str]) -> None:
    """Give a site its database and its static files, unless it has them from an earlier start."""
    if Path(env["STATIC_ROOT"]).exists():
        return
    shutil.copytree(Path(_collected().name) / "static", env["STATIC_ROOT"], copy_function=os.symlink)
    migrate(env)


@cache
def _collected() -> tempfile.TemporaryDirectory:
    """The static files of production, which take seconds to collect. Deleted with this process."""
    holder = tempfile.TemporaryDirectory(prefix="static-")
    done = manage("collectstatic", "--no-input", env=environment(Path(holder.name), **_PRODUCTION))
    assert done.returncode == 0, done.stderr
    return holder


@contextmanager
def serve(folder: Path, **variables: str) -> Iterator[Site]:
    """Serve the site on a free port, with the database and everything else that it writes in `folder`."""
    env = environment(folder, **_PRODUCTION | variables)
    prepare(env)
    arguments = ["--config", "python:cifarsite.gunicorn", "cifarsite.wsgi"]
    log = folder / "log"
    with log.open("w") as output:
        process = forking.start("gunicorn", arguments, env, output, output)
    try:
        yield Site(address_of(process, log), process.pid, folder, env)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()


def address_of(process: subprocess.Popen | forking.Process, log: Path) -> str:
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
