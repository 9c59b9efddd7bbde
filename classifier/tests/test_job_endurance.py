"""Workers are killed twenty times during a job, Redis restarts and the store fails: nothing is lost or doubled."""

import os
import signal
import subprocess
import time
import urllib.request
from contextlib import ExitStack, closing
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
from classifier.tests.stores import swift

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
        env = {**self.env, "TMPDIR": str(own), "RUNS_DIR": str(own / "runs"), **own_folders(own)}
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

    def close(self) -> None:
        for _process, stack in self.running:
            stack.close()


def own_folders(machine: Path) -> dict[str, str]:
    return {"MODELS_DIR": str(machine / "models"), "MODEL_CACHE_DIR": str(machine / "cache")}


def wait_for_progress(env: dict[str, str]) -> None:
    wanted = settled(env) + CHANCE.randrange(1, STEP)
    wait_until(lambda: settled(env) >= wanted)
    assert not is_finished(env)
    time.sleep(CHANCE.uniform(0, 0.1))


def test_machines_share_a_database_a_broker_and_a_store(postgresql, tmp_path):
    """Two servers and two workers, each with folders of its own: the second server and the workers have no model."""
    for name in ("one", "two", "redis", "swift"):
        (tmp_path / name).mkdir()
    linked_model(tmp_path / "one" / "models" / "student_cnn")
    port = free_port()
    with ExitStack() as machines, ExitStack() as broker:
        store = machines.enter_context(swift(tmp_path / "swift")).for_one_test()
        shared = store.environment() | {
            "CELERY_BROKER_URL": broker.enter_context(redis(port, tmp_path / "redis")),
            "DATABASE_URL": postgresql(),
            "JOB_LEASE_SECONDS": "6",
            "SWEEP_AT_START": "false",
            "WEB_CONCURRENCY": "1",
        }
        sites = [
            machines.enter_context(serve(tmp_path / name, **shared, **own_folders(tmp_path / name)))
            for name in ("one", "two")
        ]
        env = sites[0].env
        workers = machines.enter_context(closing(CeleryWorkers(env, tmp_path)))
        workers.start()
        workers.start()
        files = submit(tmp_path, env, count=FILES, bad=BAD, part=PART)
        for kill in range(KILLS):
            wait_for_progress(env)
            workers.kill(kill)
            if kill == KILLS // 3:
                broker.close()
                # What runs continues without it.
                time.sleep(3)
                broker.enter_context(redis(port, tmp_path / "redis"))
            if kill == 2 * KILLS // 3:
                with store.away():
                    time.sleep(10)
        wait_until(lambda: is_finished(env), tries=6000)
        assert_exact(env, files)
        for site in sites:
            with urllib.request.urlopen(f"{site.address}/readyz") as answer:  # noqa: S310
                assert answer.status == 200


def test_one_worker_on_sqlite(tmp_path):
    env = make_site(tmp_path)
    files = submit(tmp_path, env, count=FILES, bad=BAD, part=PART)
    for _ in range(KILLS):
        with worker(env):
            wait_for_progress(env)
    with worker(env, "--once") as process:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert_exact(env, files)
