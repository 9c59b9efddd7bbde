"""Workers in processes of their own: killed at any moment, two at once, on SQLite and PostgreSQL."""

import os
import signal
import subprocess
import sys
import time

import pytest

from classifier.tests.factories import BASE_DIR, environment
from classifier.tests.job_sites import (
    BAD,
    CHANCE,
    FILES,
    PART,
    assert_exact,
    children,
    is_finished,
    is_running,
    make_site,
    settled,
    shell,
    state,
    stored,
    submit,
    wait_until,
    worker,
)
from classifier.tests.migrated import migrate
from classifier.tests.server import serve, workers_of

KILLS = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request, tmp_path) -> dict[str, str]:
    if request.param == "sqlite":
        return make_site(tmp_path)
    return make_site(tmp_path, DATABASE_URL=request.getfixturevalue("postgresql")())


@pytest.mark.endurance
def test_killed_workers_lose_nothing_and_store_nothing_twice(env, tmp_path):
    files = submit(tmp_path, env)
    for kill in range(KILLS):
        before = stored(tmp_path)
        with worker(env) as process:
            wait_until(lambda: stored(tmp_path) > before + CHANCE.randrange(12) or process.poll() is not None)  # noqa: B023
            assert process.poll() is None
            time.sleep(CHANCE.uniform(0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
        if kill == 0:
            assert settled(env) < FILES
    with worker(env, "--once") as process:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert_exact(env, files)


def test_two_workers_share_a_job(env, tmp_path):
    files = submit(tmp_path, env)
    with worker(env, "--once") as one, worker(env, "--once") as other:
        outputs = [process.communicate()[0] for process in (one, other)]
        # The last parts may be the other's; a worker that finds none to claim has ended.
        assert [one.returncode, other.returncode] == [0, 0], outputs
    assert_exact(env, files)


def test_part_of_a_terminated_worker_is_freed(tmp_path):
    env = make_site(tmp_path)
    submit(tmp_path, env)
    with worker(env) as process:
        wait_until(lambda: stored(tmp_path) > 0)
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    code = """
from classifier.models import JobPart
print("parts", JobPart.objects.exclude(claim=None).count(), max(JobPart.objects.values_list("attempts", flat=True)))
"""
    assert shell(code, env) == "0 1"


def test_server_has_a_worker_which_is_started_again(tmp_path):
    """The job survives its worker and the server."""
    with serve(tmp_path, WEB_CONCURRENCY="1", SWEEP_AT_START="false") as site:
        server = site.process_id
        wait_until(lambda: len(children(server)) > len(workers_of(server)))
        keeper = next(child for child in children(server) if child not in workers_of(server))
        wait_until(lambda: bool(children(keeper)))
        (first,) = children(keeper)
        submit(tmp_path, site.env)
        wait_until(lambda: stored(tmp_path) > 0)
        os.kill(first, signal.SIGKILL)
        before = stored(tmp_path)
        wait_until(lambda: stored(tmp_path) > before + PART)
        (second,) = children(keeper)
        assert second != first
    wait_until(lambda: not is_running(second))
    with serve(tmp_path, WEB_CONCURRENCY="1", SWEEP_AT_START="false") as site:
        wait_until(lambda: is_finished(site.env))
    found = state(site.env)
    assert (found["done"], found["failed"], found["predictions"]) == (FILES - BAD, BAD, FILES - BAD)


def test_worker_ends_with_a_server_that_is_killed(tmp_path):
    env = environment(tmp_path, DEBUG="true", SWEEP_AT_START="false")
    migrate(env)
    starter = "import os, subprocess; subprocess.run({command} + [str(os.getpid())])"
    command = [sys.executable, "manage.py", "worker", "--parent"]
    parent = subprocess.Popen([sys.executable, "-c", starter.format(command=command)], cwd=BASE_DIR, env=env)
    wait_until(lambda: bool(children(parent.pid)))
    (started,) = children(parent.pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_running(started))
