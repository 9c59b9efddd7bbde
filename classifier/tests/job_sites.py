"""A site with workers in processes of their own, for tests of jobs."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from classifier.tests.factories import BASE_DIR, environment, linked_model, manage
from classifier.tests.jobs import photographs, zip_bytes
from classifier.tests.migrated import migrate

FILES, BAD, PART = 120, 6, 10
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
from classifier.storages.stored import site_storage
(job,) = Job.objects.all()
progress = progress_of(job)
print("state", json.dumps({
    "state": job.state, "done": progress.done, "failed": progress.failed, "total": progress.total,
    "items": {state: job.items.filter(state=state).count() for state in ("waiting", "done", "failed")},
    "errors": sorted(set(job.items.values_list("error_code", flat=True))),
    "predictions": Prediction.objects.count(), "uploads": Upload.objects.count(),
    "names": sorted(Upload.objects.values_list("original_name", flat=True)),
    "stored": [sum(1 for _ in site_storage().listing(kind)) for kind in ("uploads", "thumbnails")],
    "linked": job.items.exclude(prediction=None).values("prediction").distinct().count(),
}))
"""


def make_site(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a site with an empty database."""
    linked_model(folder / "models" / "student_cnn")
    variables = {"MODELS_DIR": str(folder / "models"), "DEBUG": "true", "SWEEP_AT_START": "false", **variables}
    env = environment(folder, **variables)
    migrate(env)
    return env


def shell(code: str, env: dict[str, str]) -> str:
    done = manage("shell", "--no-imports", "-c", code, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1].partition(" ")[2]


def submit(folder: Path, env: dict[str, str], count: int = FILES, bad: int = BAD, part: int = PART) -> dict[str, bytes]:
    files = photographs(count, bad=bad)
    archive = folder / "trip.zip"
    archive.write_bytes(zip_bytes(files))
    shell(_SUBMIT.format(archive=str(archive), part=part), env)
    return files


def rows(query: str, env: dict[str, str]) -> list[tuple]:
    """What a query of a site's database gives, without the seconds that a process of Django's needs to start."""
    address = env["DATABASE_URL"]
    if address.startswith("sqlite"):
        opened = sqlite3.connect(address.removeprefix("sqlite:///"), timeout=60)
    else:
        opened = psycopg.connect(address.replace("postgres://", "postgresql://"))
    with closing(opened) as database:
        return database.execute(query).fetchall()


def is_finished(env: dict[str, str]) -> bool:
    return rows("SELECT state FROM classifier_job", env) == [("finished",)]


def settled(env: dict[str, str]) -> int:
    """How many files of the job are done or have failed."""
    return rows("SELECT COUNT(*) FROM classifier_jobitem WHERE state <> 'waiting'", env)[0][0]


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


def wait_until(holds: Callable[[], bool], tries: int = 1200) -> None:
    for _ in range(tries):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail(f"waited for {tries // 10} seconds")


def stored(folder: Path, kind: str = "uploads") -> int:
    return sum(path.is_file() for path in (folder / "media" / kind).rglob("*"))


def assert_exact(env: dict[str, str], files: dict[str, bytes]) -> None:
    """Nothing twice, nothing lost, nothing left over."""
    swept = manage("sweep", "--older-than", "0", env=env)
    assert swept.returncode == 0, swept.stderr
    found = state(env)
    good = sorted(name for name in files if "bad" not in name)
    bad = len(files) - len(good)
    assert (found["state"], found["done"], found["failed"], found["total"]) == ("finished", len(good), bad, len(files))
    assert found["items"] == {"waiting": 0, "done": len(good), "failed": bad}
    assert found["errors"] == ["", "text_file"]
    assert found["predictions"] == found["uploads"] == found["linked"] == len(good)
    assert found["names"] == good
    assert found["stored"] == [len(good), len(good)]


def children(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def is_running(process_id: int) -> bool:
    """Whether there is such a process that has not ended: nobody may have asked how it did."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
