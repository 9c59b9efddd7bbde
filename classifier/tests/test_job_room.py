"""What the archives and exports of jobs may take up: one person's, and everybody's."""

import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from classifier.models import Job
from classifier.services.jobs.progress import jobs_of
from classifier.services.jobs.room import stored_bytes
from classifier.services.jobs.storage import delete_old_jobs
from classifier.services.people.ownership import Owner
from classifier.tests.api import problem_of, program
from classifier.tests.factories import make_prediction, make_user
from classifier.tests.jobs import make_job, photographs, work, zip_file

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = 1_000_000


class Unread(io.BytesIO):
    """The body of a request that must be refused by its head."""

    def read(self, *_arguments) -> bytes:
        pytest.fail("The body was read.")

    readline = read


def announce(client: Client, address: str, megabytes: int, **options):
    head = {"CONTENT_LENGTH": megabytes * MEGABYTE, "CONTENT_TYPE": "multipart/form-data; boundary=limit"}
    return client.post(address, **head, **{"wsgi.input": Unread()}, **options)


@pytest.fixture
def job(user, shipped) -> Job:
    """A job that has taken up most of what its owner may store."""
    made = make_job(Owner(user=user))
    assert made.file_bytes == made.file.size
    Job.objects.update(file_bytes=9 * MEGABYTE)
    return made


def test_archive_beyond_the_limit_of_a_person_is_refused_unread(job, user_client, user, settings):
    settings.JOB_MEGABYTES_PER_PERSON = 20
    response = announce(user_client, "/jobs/", 30)
    assert response.status_code == 413
    assert "more than 20 MB" in response.content.decode()
    problem = problem_of(announce(program(user), "/api/v1/jobs/", 30), 413)
    assert "more than 20 MB" in problem["detail"]
    assert Job.objects.count() == 1


def test_archive_beyond_the_limit_of_the_site_is_refused_unread(job, client, settings):
    settings.JOB_MEGABYTES = 20
    for response in (announce(client, "/jobs/", 30), announce(program(make_user("taras")), "/api/v1/jobs/", 30)):
        assert response.status_code == 503
        assert response["Retry-After"] == "3600"
        assert "cannot store more archives" in response.content.decode()


def test_size_counts_once_it_is_known(job, user_client, settings):
    settings.JOB_MEGABYTES_PER_PERSON = 9
    response = user_client.post("/jobs/", {"kind": "classify", "archive": zip_file(photographs(1))})
    assert response.status_code == 400
    assert "more than 9 MB" in response.content.decode()


def test_export_beyond_the_limit_fails_and_says_why(job, user_client, user, settings, stored_files):
    make_prediction(user)
    user_client.post("/jobs/", {"kind": "export", "format": "zip"})
    settings.JOB_MEGABYTES_PER_PERSON = 9
    before = stored_files()
    Job.objects.filter(pk=job.pk).update(state="cancelled", ended_at=timezone.now())
    work()
    export = Job.objects.get(kind="export")
    assert export.state == "failed"
    assert "more than 9 MB" in user_client.get(f"/jobs/{export.pk}/").content.decode()
    assert stored_files() == before


def test_files_make_room_after_their_time_or_when_they_are_discarded(job, user_client, user, settings, stored_files):
    settings.JOB_FILES_HOURS = 2
    make_prediction(user)
    user_client.post("/jobs/", {"kind": "export", "format": "csv"})
    work()
    assert not Job.objects.get(pk=job.pk).file_bytes  # it has finished without failures
    exported = stored_bytes(jobs_of(Owner(user=user)))
    assert exported == Job.objects.get(kind="export").result.size
    Job.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    delete_old_jobs()
    assert stored_bytes(Job.objects.all()) == exported
    page = user_client.post(f"/jobs/{Job.objects.get(kind='export').pk}/", {"action": "discard"}, follow=True)
    assert "The files of the job were deleted." in page.content.decode()
    assert stored_bytes(Job.objects.all()) == 0
    Job.objects.filter(kind="export").update(
        file="jobs/a.zip", file_bytes=1, ended_at=timezone.now() - timedelta(hours=2)
    )
    delete_old_jobs()
    assert stored_bytes(Job.objects.all()) == 0
    assert not [name for name in stored_files() if name.startswith("jobs/")]


def test_files_of_an_unfinished_job_are_not_discarded(job, user_client):
    user_client.post(f"/jobs/{job.pk}/", {"action": "discard"})
    assert Job.objects.get(pk=job.pk).file
