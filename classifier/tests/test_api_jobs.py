"""Jobs over the API. That they are one person's, limited and described: test_strangers.py, test_api_schema.py."""

import csv
import io
import zipfile
from http import HTTPStatus

import pytest

from classifier.models import Job
from classifier.services.models.publishing import publish
from classifier.tests.api import problem_of, program
from classifier.tests.factories import another_model, image_file, make_prediction
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
def test_invalid_request_says_what_is_wrong(user, shipped, sent, code):
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
    monkeypatch.setattr("classifier.services.jobs.room.MOST_UNFINISHED", 1)
    api = program(user)
    api.post(JOBS, {"archive": zip_file(photographs(1))})
    response = api.post(JOBS, {"archive": zip_file(photographs(1))})
    assert "1 unfinished job" in problem_of(response, 429)["detail"]
    assert response["Retry-After"] == "60"


def finished(user, **options) -> dict:
    """A job of two images and one that is none."""
    api = program(user)
    address = api.post(JOBS, {"archive": zip_file(photographs(3, bad=1)), **options}).json()["url"]
    work()
    return api.get(address).json()


def content_of(response) -> bytes:
    assert response.status_code == HTTPStatus.OK
    return b"".join(response.streaming_content)


def test_jobs_are_listed_in_pages_by_kind_and_state(user, shipped):
    api = program(user)
    make_prediction(user)
    finished(user)
    api.post(f"{JOBS}exports/", {"format": "csv"}, content_type="application/json")
    first = api.get(JOBS, {"size": 1}).json()
    (newest,) = first["results"]
    assert (newest["kind"], newest["not_tried"], first["previous"]) == ("export", None, None)
    assert "failures" not in newest
    (older,) = api.get(first["next"]).json()["results"]
    assert (older["done"], older["failed"], older["not_tried"], older["total"]) == (2, 1, 0, 3)
    for query, count in (({"kind": "export"}, 1), ({"state": "finished"}, 1), ({"state": "failed"}, 0)):
        assert len(api.get(JOBS, query).json()["results"]) == count
    problem_of(api.get(JOBS, {"state": "asleep"}), 400)
    problem_of(api.get(JOBS, {"after": "nonsense"}), 404)


def test_files_that_were_not_tried_are_counted(user, shipped):
    api = program(user)
    address = api.post(JOBS, {"archive": zip_file(photographs(4))}).json()["url"]
    work(1)
    api.delete(address)
    job = api.get(address).json()
    assert (job["done"], job["failed"], job["not_tried"], job["total"]) == (0, 0, 4, 4)


def test_results_errors_and_images_are_downloaded(user, shipped):
    api, address = program(user), finished(user)["url"]
    table = content_of(api.get(f"{address}results/")).decode("utf-8-sig")
    assert [row["state"] for row in csv.DictReader(io.StringIO(table))] == ["done", "done", "failed"]
    (error,) = csv.DictReader(io.StringIO(content_of(api.get(f"{address}errors/")).decode("utf-8-sig")))
    assert (error["file_name"], error["code"]) == ("trip/bad 0.jpg", "text_file")
    assert error["error"] == "This is a text file. Choose an image."
    with zipfile.ZipFile(io.BytesIO(content_of(api.get(f"{address}images/?layout=folders")))) as archive:
        assert sorted(archive.namelist()) == ["results.csv", "trip/000.jpg", "trip/001.jpg"]
        assert archive.read("results.csv").decode("utf-8-sig") == table
    problem_of(api.get(f"{address}images/?layout=heap"), 400)
    problem_of(api.get(f"{address}file/"), 404)


def test_failed_files_are_retried_and_a_cancelled_job_is_resumed(user, shipped):
    api, address = program(user), finished(user)["url"]
    assert api.post(f"{address}retry/").json()["state"] == "waiting"
    api.delete(address)
    assert api.post(f"{address}resume/").json()["state"] == "waiting"
    work()
    job = api.get(address).json()
    assert (job["state"], job["done"], job["failed"]) == ("finished", 2, 1)
    Job.objects.update(file="")
    problem = problem_of(api.post(f"{address}retry/"), 400)
    assert "files have been deleted" in problem["detail"]


def test_export_is_submitted_and_downloaded(user):
    api = program(user)
    make_prediction(user, name="cat.jpg")
    make_prediction(user, name="dog.jpg", seed=1)
    response = api.post(f"{JOBS}exports/", {"format": "csv", "name": "cat"}, content_type="application/json")
    assert response.status_code == 202
    assert response["Location"] == response.json()["url"]
    work()
    job = api.get(response["Location"]).json()
    content = content_of(api.get(job["file"]))
    assert [b"cat.jpg" in content, b"dog.jpg" in content] == [True, False]


def test_other_model_classifies_again(user, models_dir):
    make_prediction(user)
    publish(folder=another_model(models_dir / "other"))
    api = program(user)
    response = api.post(f"{JOBS}rescoring/", {"model": "other"}, content_type="application/json")
    assert (response.status_code, response.json()["model"]) == (202, "other@1")
    work()
    assert user.predictions.count() == 2
    again = api.post(f"{JOBS}rescoring/", {"model": "other"}, content_type="application/json")
    (error,) = problem_of(again, 409)["errors"]
    assert (error["field"], error["code"]) == ("model", "nothing_to_rescore")


@pytest.mark.parametrize(
    ("address", "sent", "field", "code"),
    [
        ("exports", {}, "format", "required"),
        ("exports", {"format": "pdf"}, "format", "invalid_choice"),
        ("exports", {"format": "csv"}, "format", "nothing_to_export"),
        ("exports", {"format": "csv", "lowest": 2}, "lowest", "max_value"),
        ("rescoring", {}, "model", "required"),
        ("rescoring", {"model": "nothing"}, "model", "no_such_model"),
        ("rescoring", {"model": "student_cnn", "everybody": True}, "everybody", "unknown"),
    ],
)
def test_export_and_rescoring_are_refused_with_the_reason(user, shipped, address, sent, field, code):
    response = program(user).post(f"{JOBS}{address}/", sent, content_type="application/json")
    status = 409 if code.startswith("nothing") else 400
    (error,) = problem_of(response, status)["errors"]
    assert (error["field"], error["code"]) == (field, code)
