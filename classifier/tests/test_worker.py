"""Workers in processes of their own: killed at any moment, two at once, on SQLite and PostgreSQL."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.tests.factories import BASE_DIR, environment, linked_model, manage
from classifier.tests.jobs import photographs, zip_bytes
from classifier.tests.server import serve, workers_of

FILES, BAD, PART, KILLS = 120, 6, 10, 4
CHANCE = random.Random()  # noqa: S311

_SUBMIT = """
from django.contrib.auth.models import User
from django.core.files import File
from classifier.services.jobs.submission import submit_archive
from classifier.services.people.ownership import Owner
owner = Owner(user=User.objects.get_or_create(username="olena")[0])
with open({archive!r}, "rb") as opened:
    print("job", submit_archive(archive=File(opened, "trip.zip"), owner=owner, part_size={part}).pk)
"""
_STATE = """
import json
from classifier.models import Job, JobItem, Prediction, Upload
from classifier.services.jobs.progress import progress_of
(job,) = Job.objects.all()
progress = progress_of(job)
print("state", json.dumps({
    "state": job.state, "done": progress.done, "failed": progress.failed, "total": progress.total,
    "items": {state: job.items.filter(state=state).count() for state in ("waiting", "done", "failed")},
    "errors": sorted(set(job.items.values_list("error_code", flat=True))),
    "predictions": Prediction.objects.count(), "uploads": Upload.objects.count(),
    "names": sorted(Upload.objects.values_list("original_name", flat=True)),
    "linked": job.items.exclude(prediction=None).values("prediction").distinct().count(),
}))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request, tmp_path) -> dict[str, str]:
    """The environment of a site with an empty database."""
    linked_model(tmp_path / "models" / "student_cnn")
    variables = {"MODELS_DIR": str(tmp_path / "models"), "DEBUG": "true", "SWEEP_AT_START": "false"}
    if request.param == "postgresql":
        variables["DATABASE_URL"] = request.getfixturevalue("postgresql")()
    found = environment(tmp_path, **variables)
    assert manage("migrate", env=found).returncode == 0
    return found


def shell(code: str, env: dict[str, str]) -> str:
    done = manage("shell", "--no-imports", "-c", code, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1].partition(" ")[2]


def submit(folder: Path, env: dict[str, str], count: int = FILES, bad: int = BAD) -> dict[str, bytes]:
    files = photographs(count, bad=bad)
    archive = folder / "trip.zip"
    archive.write_bytes(zip_bytes(files))
    shell(_SUBMIT.format(archive=str(archive), part=PART), env)
    return files


def state(env: dict[str, str]) -> dict:
    return json.loads(shell(_STATE, env))


@contextmanager
def worker(env: dict[str, str], *options: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", *options],
        cwd=BASE_DIR,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("waited for two minutes")


def stored(folder: Path, kind: str = "uploads") -> int:
    return sum(path.is_file() for path in (folder / "media" / kind).rglob("*"))


def assert_exact(env: dict[str, str], folder: Path, files: dict[str, bytes]) -> None:
    """Nothing twice, nothing lost, nothing left over."""
    found = state(env)
    good = sorted(name for name in files if "bad" not in name)
    assert (found["state"], found["done"], found["failed"], found["total"]) == ("finished", len(good), BAD, FILES)
    assert found["items"] == {"waiting": 0, "done": len(good), "failed": BAD}
    assert found["errors"] == ["", "text_file"]
    assert found["predictions"] == found["uploads"] == found["linked"] == len(good)
    assert found["names"] == good
    swept = manage("sweep", "--older-than", "0", env=env)
    assert swept.returncode == 0, swept.stderr
    assert stored(folder) == stored(folder, "thumbnails") == len(good)


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
            assert 0 < state(env)["done"] < FILES - BAD
    with worker(env, "--once") as process:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert_exact(env, tmp_path, files)


def test_two_workers_share_a_job(env, tmp_path):
    files = submit(tmp_path, env)
    with worker(env, "--once") as one, worker(env, "--once") as other:
        outputs = [process.communicate()[0] for process in (one, other)]
        # The last parts may be the other's; a worker that finds none to claim has ended.
        assert [one.returncode, other.returncode] == [0, 0], outputs
    assert_exact(env, tmp_path, files)


def test_worker_that_is_told_to_end_has_its_part_freed(tmp_path):
    linked_model(tmp_path / "models" / "student_cnn")
    env = environment(tmp_path, MODELS_DIR=str(tmp_path / "models"), DEBUG="true", SWEEP_AT_START="false")
    assert manage("migrate", env=env).returncode == 0
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
        wait_until(lambda: state(site.env)["state"] == "finished")
    found = state(site.env)
    assert (found["done"], found["failed"], found["predictions"]) == (FILES - BAD, BAD, FILES - BAD)


def test_worker_ends_with_a_server_that_is_killed(tmp_path):
    env = environment(tmp_path, DEBUG="true", SWEEP_AT_START="false")
    assert manage("migrate", env=env).returncode == 0
    starter = "import os, subprocess; subprocess.run({command} + [str(os.getpid())])"
    command = [sys.executable, "manage.py", "worker", "--parent"]
    parent = subprocess.Popen([sys.executable, "-c", starter.format(command=command)], cwd=BASE_DIR, env=env)
    wait_until(lambda: bool(children(parent.pid)))
    (started,) = children(parent.pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_running(started))


def children(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def is_running(process_id: int) -> bool:
    """Whether there is such a process that has not ended: nobody may have asked how it did."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
