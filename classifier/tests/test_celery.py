"""Celery's workers run the parts of jobs, and a broker that loses everything costs a delay only."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from classifier.models import Job, JobPart
from classifier.services.jobs.attendance import announce_again, unattended_parts
from classifier.services.jobs.claims import claim_part
from classifier.services.people.ownership import Owner
from classifier.tests.brokers import celery_worker, free_port, rabbitmq, redis
from classifier.tests.factories import manage
from classifier.tests.job_sites import (
    assert_exact,
    children,
    is_finished,
    make_site,
    settled,
    shell,
    stored,
    submit,
    wait_until,
    worker,
)
from classifier.tests.jobs import make_job

#: Lost messages are sent again after a second or two.
LEASE = "4"

MESSAGES = """
import json, sys
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from redis import Redis
from classifier.models import JobPart
from classifier.services.jobs.submission import submit_archive
from classifier.services.people.ownership import Owner
from classifier.tests.jobs import make_job
redis, owner = Redis(port={port}), Owner(user=User.objects.create(username="olena"))
seen = []
with transaction.atomic():
    make_job(owner)
    seen.append(redis.llen("cifarsite:images"))
    transaction.set_rollback(True)
seen.append(redis.llen("cifarsite:images"))
make_job(owner)
(message,) = redis.lrange("cifarsite:images", 0, -1)
import base64
args, kwargs, _embedded = json.loads(base64.b64decode(json.loads(message)["body"]))
print("seen", json.dumps([*seen, args == [JobPart.objects.get().pk], kwargs]))
"""


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request):
    with redis(free_port()) if request.param == "redis" else rabbitmq() as url:
        yield url


def test_workers_share_a_job(broker, postgresql, tmp_path):
    env = make_site(tmp_path, DATABASE_URL=postgresql(), CELERY_BROKER_URL=broker)
    with celery_worker(env, tmp_path / "one.log") as one, celery_worker(env, tmp_path / "two.log") as two:
        files = submit(tmp_path, env)
        wait_until(lambda: is_finished(env))
        # What does not survive a fork is loaded after it.
        assert not loads_a_model(one.pid)
        assert not loads_a_model(two.pid)
        assert any(loads_a_model(child) for process in (one, two) for child in children(process.pid))
        for process in (one, two):
            process.terminate()
            assert process.wait(60) == 0, (tmp_path / "one.log").read_text()
    assert_exact(env, files)
    # Both took part, and none that was given up as lost.
    for log in ("one.log", "two.log"):
        assert "Task jobs.images" in (tmp_path / log).read_text()
        assert "Traceback" not in (tmp_path / log).read_text()


def test_job_is_stored_without_its_broker_and_run_when_there_is_one(tmp_path):
    port = free_port()
    env = make_site(tmp_path, CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/0", JOB_LEASE_SECONDS=LEASE)
    files = submit(tmp_path, env)
    assert not settled(env)
    # It announces parts and runs none.
    with redis(port), worker(env), celery_worker(env, tmp_path / "celery.log"):
        wait_until(lambda: is_finished(env))
    assert_exact(env, files)


def test_terminated_worker_leaves_its_part_to_another(tmp_path):
    with redis(port := free_port()) as url:
        env = make_site(tmp_path, CELERY_BROKER_URL=url)
        with celery_worker(env, tmp_path / "first.log") as process:
            files = submit(tmp_path, env)
            wait_until(lambda: stored(tmp_path) > 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert 0 < settled(env) < len(files)
        with celery_worker(env, tmp_path / "second.log"):
            wait_until(lambda: is_finished(env))
    assert port
    assert_exact(env, files)


def test_message_carries_the_key_of_a_part_and_is_sent_after_the_commit(tmp_path):
    with redis(port := free_port()) as url:
        env = make_site(tmp_path, CELERY_BROKER_URL=url)
        assert shell(MESSAGES.format(port=port), env) == "[0, 0, true, {}]"


def test_site_without_a_broker_does_not_load_celery(tmp_path):
    env = make_site(tmp_path)
    submit(tmp_path, env, count=3, bad=0)
    code = """
import sys
from classifier.services.jobs.running import work_once
work_once()
print("loaded", [name for name in ("celery", "kombu") if name in sys.modules])
"""
    assert shell(code, env) == "[]"


def test_celery_does_not_start_without_a_broker(tmp_path):
    found = manage(
        "shell", "--no-imports", "-c", "import cifarsite.celery", env={**os.environ, "CELERY_BROKER_URL": ""}
    )
    assert "CELERY_BROKER_URL is not set" in found.stderr


@pytest.mark.django_db(transaction=True)
class TestAttendance:
    @pytest.fixture
    def job(self, user, shipped) -> Job:
        return make_job(Owner(user=user))

    def age(self, job: Job, seconds: float) -> None:
        moment = timezone.now() - timedelta(seconds=seconds)
        Job.objects.filter(pk=job.pk).update(created_at=moment, heartbeat_at=None)
        JobPart.objects.update(announced_at=moment)

    def test_part_that_waits_is_announced_again_once(self, job):
        assert announce_again() == 0
        self.age(job, 61)
        assert announce_again() == 1
        assert announce_again() == 0

    def test_claimed_part_is_announced_again_when_its_lease_expires(self, job):
        claimed = claim_part()
        self.age(job, 200)
        assert announce_again() == 0
        JobPart.objects.filter(pk=claimed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert announce_again() == 1

    def test_few_are_announced_again_while_workers_are_busy(self, job):
        JobPart.objects.bulk_create(JobPart(job=job, number=number) for number in range(1, 31))
        claim_part()
        JobPart.objects.update(announced_at=timezone.now() - timedelta(seconds=61))
        assert announce_again() == 10
        Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
        assert announce_again() == 20

    def test_check_fails_if_parts_wait_and_none_is_claimed(self, job):
        call_command("worker", check=True)
        self.age(job, 301)
        assert unattended_parts() == 1
        with pytest.raises(CommandError, match="no worker claims them: 1"):
            call_command("worker", check=True)
        call_command("worker", check=True, queue="training")
        claim_part()
        call_command("worker", check=True)


def loads_a_model(process_id: int) -> bool:
    maps = Path(f"/proc/{process_id}/maps").read_text()
    return any(name in maps for name in ("ai_edge_litert", "tensorflow"))
