"""The server is killed fifty times at random while people upload and delete: nothing that was answered is lost."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from classifier.tests.factories import BASE_DIR, environment, linked_model, manage
from classifier.tests.people import CHANCE, Person
from classifier.tests.server import address_of, prepare

STARTS, WORKERS, WORKERS_KILLED = 5, 3, 9
#: Loaded before the fork, unlike in production: fifty new workers are there in a moment each.
COMMAND = [sys.executable, "-m", "gunicorn", "--config", "python:cifarsite.gunicorn", "--preload", "cifarsite.wsgi"]

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


class Server:
    """Gunicorn in a process group of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.log = folder / f"log-{time.monotonic_ns()}"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                COMMAND, cwd=BASE_DIR, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.address = address_of(self.process, self.log)

    def workers(self) -> list[int]:
        number = self.process.pid
        children = [int(child) for child in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
        return [child for child in children if b"gunicorn" in _command_of(child)]

    def kill_a_worker(self) -> None:
        os.kill(CHANCE.choice(self.workers()), signal.SIGKILL)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _command_of(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("waited for 60 seconds")


def kill_on_and_on(folder: Path, env: dict[str, str], people: list[Person]) -> None:
    """Serve and kill while people use the site; returns with the last server killed."""
    ended, servers = threading.Event(), [Server(folder, env)]

    def wait_for_answers() -> None:
        before = sum(person.answers for person in people)
        wait_until(lambda: sum(person.answers for person in people) > before or any(one.done() for one in using))
        for one in using:
            assert not one.done() or one.result()
        time.sleep(CHANCE.uniform(0, 0.1))

    with ThreadPoolExecutor(len(people)) as executor:
        using = [executor.submit(person.go_on, lambda: servers[-1].address, ended) for person in people]
        try:
            for start in range(STARTS):
                if start:
                    servers.append(Server(folder, env))
                for _ in range(WORKERS_KILLED):
                    wait_for_answers()
                    servers[-1].kill_a_worker()
                wait_for_answers()
                servers[-1].kill()
        finally:
            ended.set()
            if servers[-1].process.poll() is None:
                servers[-1].kill()
    for one in using:
        one.result()


@pytest.mark.endurance
def test_killed_at_any_moment_everything_that_was_answered_is_there(tmp_path):
    folder, media = tmp_path / "site", tmp_path / "site" / "media"
    linked_model(tmp_path / "models" / "student_cnn")
    env = environment(
        folder,
        DEBUG="false",
        HTTPS="false",
        ALLOWED_HOSTS="127.0.0.1",
        PORT="0",
        WEB_CONCURRENCY=str(WORKERS),
        MODELS_DIR=str(tmp_path / "models"),
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"),
    )
    folder.mkdir()
    prepare(env)
    people = [Person(number) for number in range(3)]
    kill_on_and_on(folder, env, people)

    kept = {number.replace("-", "") for person in people for number in person.kept}
    deleted = {number.replace("-", "") for person in people for number in person.deleted}
    assert len(kept) >= STARTS * WORKERS_KILLED
    assert deleted
    assert sum(person.cut_off for person in people) >= STARTS  # it was killed while something was on its way
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        predictions = {number for (number,) in database.execute("SELECT id FROM classifier_prediction")}
        uploads = database.execute("SELECT file, thumbnail, sha256, size FROM classifier_upload").fetchall()
    assert kept <= predictions
    assert not deleted & predictions
    assert len(uploads) == len(predictions)
    for file, thumbnail, sha256, size in uploads:
        content = (media / file).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)
        assert (media / thumbnail).read_bytes().endswith(b"\xff\xd9")  # a whole JPEG

    expected = {name for file, thumbnail, *_ in uploads for name in (file, thumbnail)}
    left_over = {str(path.relative_to(media)) for path in media.rglob("*.*")} - expected
    swept = manage("sweep", "--older-than", "0", env=env)
    assert swept.returncode == 0, swept.stderr
    assert swept.stdout.startswith(f"{len(left_over)} files")
    assert {str(path.relative_to(media)) for path in media.rglob("*.*")} == expected
