"""Jobs for the site itself: a backup, and an index of training images; for those who may."""

import io
import tarfile
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from classifier.models import Job, JobPart, Prediction
from classifier.services.jobs.room import stored_bytes
from classifier.services.jobs.storage import delete_old_jobs
from classifier.services.models.publishing import publish
from classifier.services.operations.manifest import Manifest
from classifier.services.operations.restore import _adjust
from classifier.services.people.ownership import Owner
from classifier.tests.factories import database_url, environment, make_prediction, make_superuser, make_user, manage
from classifier.tests.jobs import make_job, work
from classifier.tests.test_neighbours import index_of, model_of
from ml.artifacts import readers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss(client):
    client.force_login(make_superuser())
    return client


@pytest.fixture
def staff(db) -> Client:
    """Somebody who may change models, and is no superuser."""
    user, client = make_user("stepan"), Client()
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename="change_modelversion"))
    client.force_login(user)
    return client


def test_backup_is_downloaded_by_superusers_for_a_day(boss, user, shipped, stored_files, settings, tmp_path):
    make_prediction(user)
    response = boss.post("/jobs/", {"kind": "backup"})
    job = Job.objects.get()
    assert response.url == f"/jobs/{job.pk}/"
    # In a process of its own: it opens a database of its own.
    places = {"MEDIA_ROOT": str(settings.MEDIA_ROOT), "MODELS_DIR": str(settings.MODELS_DIR)}
    done = manage("worker", "--once", env=environment(tmp_path, DATABASE_URL=database_url(), **places))
    assert done.returncode == 0, done.stderr
    answer = boss.get(f"/jobs/{job.pk}/export")
    assert answer["Content-Disposition"].endswith('.tar.gz"')
    with tarfile.open(fileobj=io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert any(name.startswith("media/") for name in archive.getnames())
    assert "results.csv" not in boss.get(f"/jobs/{job.pk}/").text
    assert stored_bytes(Job.objects.all()) == 0
    job.owner.is_superuser = False
    job.owner.save()
    for address in (f"/jobs/{job.pk}/", f"/jobs/{job.pk}/export", f"/api/v1/jobs/{job.pk}/file/"):
        assert boss.get(address).status_code == 404
    Job.objects.update(ended_at=timezone.now() - timedelta(days=1))
    delete_old_jobs()
    assert not [name for name in stored_files() if name.startswith("jobs/")]


def test_superusers_back_up_and_staff_of_models_index(client, user_client, staff, shipped):
    for kind, people in (("backup", (client, user_client, staff)), ("neighbours", (client, user_client))):
        for person in people:
            assert f'value="{kind}"' not in person.get("/jobs/").text
            assert person.post("/jobs/", {"kind": kind, "model": shipped.pk}).status_code == 403
    assert staff.post("/jobs/", {"kind": "neighbours", "model": shipped.pk}).status_code == 302
    assert Job.objects.get().kind == "neighbours"


def test_training_images_are_indexed(boss, models_dir, picture_folder, settings):
    settings.DATASETS_DIR = picture_folder.parent
    version = publish(folder=model_of(models_dir / "coloured", readers.load_dataset(picture_folder)), activate=True)
    boss.post("/jobs/", {"kind": "neighbours", "model": version.pk, "dataset": picture_folder.name})
    work()
    assert Job.objects.get().state == "finished"
    assert index_of(version).is_dir()


def test_index_that_cannot_be_built_says_why(boss, shipped, settings, tmp_path):
    settings.DATASETS_DIR = tmp_path
    (tmp_path / "empty").mkdir()
    boss.post("/jobs/", {"kind": "neighbours", "model": shipped.pk, "dataset": "empty"})
    work()
    job = Job.objects.get()
    assert (job.state, job.error_code) == ("failed", "neighbours_failed")
    assert "The index could not be built" in boss.get(f"/jobs/{job.pk}/").text


def test_restored_site_has_no_unfinished_jobs(user, shipped):
    job = make_job(Owner(user=user))
    work(1)
    JobPart.objects.filter(number=1).update(claim=job.pk, lease_until=timezone.now())
    _adjust(Manifest(created_at="", uploads=0, deleted_meanwhile=[], model_folders={}), "default")
    job.refresh_from_db()
    assert (job.state, job.file.name, job.file_bytes) == ("cancelled", "", 0)
    assert not JobPart.objects.exclude(claim=None).exists()
    assert not Prediction.objects.exists()
