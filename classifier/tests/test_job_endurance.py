"""Workers are killed twenty times during a job, Redis restarts and the storage fails: nothing is lost or doubled."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from classifier.tests.brokers import celery_worker, free_port, redis
from classifier.tests.factories import linked_model
from classifier.tests.job_sites import (
    CHANCE,
    assert_exact,
    children,
    is_finished,
    make_site,
    settled,
    submit,
    wait_until,
    worker,
)
from classifier.tests.server import serve

FILES, BAD, PART, KILLS = 2000, 20, 50, 20
#: The most files that are done before the next kill.
STEP = 40

pytestmark = pytest.mark.endurance


class CeleryWorkers:
    """Two workers with working folders of their own. Killed: a process that runs parts, or the whole worker."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.folder, self.started = env, folder, 0
        self.running: list[tuple[subprocess.Popen, ExitStack]] = []

    def start(self) -> None:
        self.started += 1
        own = self.folder / f"worker{self.started}"
        own.mkdir()
        env = {**self.env, "TMPDIR": str(own), "RUNS_DIR": str(own / "runs")}
        stack = ExitStack()
        process = stack.enter_context(celery_worker(env, own / f"worker{self.started}.log"))
        self.running.append((process, stack))

    def kill(self, number: int) -> None:
        place = CHANCE.randrange(len(self.running))
        process, stack = self.running[place]
        if number % 4:
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
        else:
            del self.running[place]
            process.kill()
            stack.close()
            self.start()

    def end(self) -> None:
        for _process, stack in self.running:
            stack.close()


def wait_for_progress(env: dict[str, str]) -> None:
    wanted = settled(env) + CHANCE.randrange(1, STEP)
    wait_until(lambda: settled(env) >= wanted)
    assert not is_finished(env)
    time.sleep(CHANCE.uniform(0, 0.1))


@contextmanager
def storage_away(media: Path, stored: Path) -> Iterator[None]:
    """While the block runs, there is a file instead of the folder, so nothing can be stored or read."""
    other = media.with_name("other")
    other.write_text("")
    os.replace(other, media)
    try:
        yield
    finally:
        other.symlink_to(stored)
        os.replace(other, media)


def test_two_machines_with_celery(postgresql, tmp_path):
    folder, port = tmp_path / "site", free_port()
    linked_model(folder / "models" / "student_cnn")
    media, aside = folder / "media", tmp_path / "stored"
    for made in (aside, tmp_path / "redis"):
        made.mkdir()
    # A link, so that the storage can be taken away in one step.
    media.symlink_to(aside)
    broker = ExitStack()
    url = broker.enter_context(redis(port, tmp_path / "redis"))
    variables = {
        "CELERY_BROKER_URL": url,
        "DATABASE_URL": postgresql(),
        "JOB_LEASE_SECONDS": "6",
        "MODELS_DIR": str(folder / "models"),
        "SWEEP_AT_START": "false",
        "WEB_CONCURRENCY": "2",
    }
    with serve(folder, **variables) as site:
        workers = CeleryWorkers(site.env, tmp_path)
        try:
            workers.start()
            workers.start()
            files = submit(folder, site.env, count=FILES, bad=BAD, part=PART)
            for kill in range(KILLS):
                wait_for_progress(site.env)
                workers.kill(kill)
                if kill == KILLS // 3:
                    broker.close()
                    # What runs continues without it.
                    time.sleep(3)
                    broker.enter_context(redis(port, tmp_path / "redis"))
                if kill == 2 * KILLS // 3:
                    with storage_away(media, aside):
                        time.sleep(5)
            wait_until(lambda: is_finished(site.env), tries=6000)
        finally:
            workers.end()
            broker.close()
    assert_exact(site.env, folder, files)


def test_one_worker_on_sqlite(tmp_path):
    env = make_site(tmp_path)
    files = submit(tmp_path, env, count=FILES, bad=BAD, part=PART)
    for _ in range(KILLS):
        with worker(env):
            wait_for_progress(env)
    with worker(env, "--once") as process:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert_exact(env, tmp_path, files)
