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
    new = Path(_new_site().name)
    shutil.copytree(new / "static", env["STATIC_ROOT"], copy_function=os.symlink)
    database = Path(env["DATABASE_URL"].removeprefix("sqlite:///"))
    # `migrate` writes the same rows into any SQLite file, of the same models.
    if database.name == "db.sqlite3" and env.get("MODELS_DIR") == os.environ.get("MODELS_DIR"):
        shutil.copy(new / "db.sqlite3", database)
    else:
        _run("migrate", env)


@cache
def _new_site() -> tempfile.TemporaryDirectory:
    """What the commands that come before a server's first start write; they take seconds. Deleted with this process."""
    holder = tempfile.TemporaryDirectory(prefix="new-site-")
    env = environment(Path(holder.name), **_PRODUCTION)
    _run("migrate", env)
    _run("collectstatic", env)
    return holder


def _run(command: str, env: dict[str, str]) -> None:
    done = manage(command, "--no-input", env=env)
    assert done.returncode == 0, done.stderr


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
