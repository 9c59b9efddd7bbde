"""Jobs over the API. That they are one person's, limited and described: test_strangers.py, test_api_schema.py."""

import pytest

from classifier.models import Job
from classifier.services.models.publishing import publish
from classifier.tests.api import problem_of, program
from classifier.tests.factories import another_model, image_file
from classifier.tests.jobs import photographs, work, zip_file

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = "/api/v1/jobs/"


def test_archive_is_classified_in_the_background(user, shipped):
    api = program(user)
    response = api.post(JOBS, {"archive": zip_file(photographs(4, bad=1)), "keep": "7"})
    assert response.status_code == 202
    job = response.json()
    assert response["Location"] == job["url"] == f"http://testserver{JOBS}{job['id']}/"
    assert (job["state"], job["total"], job["done"], job["model"]) == ("waiting", None, 0, "student_cnn@1")
    work()
    job = api.get(job["url"]).json()
    assert (job["state"], job["total"], job["done"], job["failed"], job["error"]) == ("finished", 4, 3, 1, None)
    failure = {"name": "trip/bad 0.jpg", "code": "text_file", "detail": "This is a text file. Choose an image."}
    assert job["failures"] == [failure]
    assert user.predictions.count() == user.uploads.exclude(expires_at=None).count() == 3


def test_job_is_cancelled(user, shipped):
    api = program(user)
    address = api.post(JOBS, {"archive": zip_file(photographs(2))}).json()["url"]
    for _ in range(2):
        assert api.delete(address).status_code == 204
    work()
    assert api.get(address).json()["state"] == "cancelled"
    assert user.predictions.count() == 0


def test_other_model_may_be_named(user, models_dir):
    publish(folder=another_model(models_dir / "other"))
    job = program(user).post(f"{JOBS}?model=other", {"archive": zip_file(photographs(1))}).json()
    work()
    assert job["model"] == "other@1"
    assert user.predictions.get().model_version.name == "other"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "required"),
        ({"archive": "text"}, "invalid"),
        ({"archive": image_file("a.zip")}, "not_an_archive"),
        ({"archive": zip_file({})}, "empty_archive"),
        ({"archive": zip_file(photographs(1)), "keep": "0"}, "invalid_choice"),
        ({"archive": zip_file(photographs(1)), "kep": "7"}, "unknown"),
        ({"archive": zip_file(photographs(1)), "model": "nothing"}, "no_such_model"),
    ],
)
def test_what_is_wrong_is_said(user, shipped, sent, code):
    (error,) = problem_of(program(user).post(JOBS, sent), 400)["errors"]
    assert error["code"] == code
    assert not Job.objects.exists()


def test_token_to_read_submits_and_cancels_nothing(user, shipped):
    address = program(user).post(JOBS, {"archive": zip_file(photographs(1))}).json()["url"]
    reader = program(user, scope="read")
    problem_of(reader.post(JOBS, {"archive": zip_file(photographs(1))}), 403)
    problem_of(reader.delete(address), 403)
    assert reader.get(address).json()["state"] == "waiting"


def test_submissions_are_limited(limit, user, shipped):
    limit(classify_person="1/minute")
    api = program(user)
    assert api.post(JOBS, {"archive": zip_file(photographs(1))}).status_code == 202
    problem_of(api.post(JOBS, {"archive": zip_file(photographs(1))}), 429)


def test_too_many_unfinished_jobs_wait(user, shipped, monkeypatch):
    monkeypatch.setattr("classifier.services.jobs.submission.MOST_UNFINISHED", 1)
    api = program(user)
    api.post(JOBS, {"archive": zip_file(photographs(1))})
    response = api.post(JOBS, {"archive": zip_file(photographs(1))})
    assert "1 unfinished job" in problem_of(response, 429)["detail"]
    assert response["Retry-After"] == "60"
