"""The pages of jobs: submit, watch, cancel, resume, retry, download. That they are one person's: test_strangers.py."""

import base64
import csv
import io
import re
import zipfile
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from classifier.models import Job
from classifier.services.jobs import export_job
from classifier.services.models.publishing import publish
from classifier.services.people.ownership import Owner
from classifier.tests.browser import sign_in
from classifier.tests.factories import (
    another_model,
    image_bytes,
    image_file,
    make_prediction,
    make_superuser,
    make_user,
)
from classifier.tests.jobs import make_job, photographs, work, zip_file
from classifier.tests.pages import elements
from classifier.tests.test_browser_upload import TRANSFER

pytestmark = pytest.mark.django_db(transaction=True)


def progress(client: Client, job: Job) -> dict:
    (found,) = elements(client.get(f"/jobs/{job.pk}/progress/"), "data-job")
    return found


def submit(client: Client, **fields) -> Job:
    response = client.post("/jobs/", {"kind": "classify", "archive": zip_file(photographs(4, bad=1)), **fields})
    assert response.status_code == 302, response.content.decode()
    return Job.objects.get(pk=response.url.split("/")[2])


def act(client: Client, job: Job, action: str) -> str:
    return client.post(f"/jobs/{job.pk}/", {"action": action}, follow=True).content.decode()


def test_job_is_watched_until_it_has_ended(user_client, user, shipped):
    job = submit(user_client, keep="7")
    shown = progress(user_client, job)
    assert (shown["data-state"], shown["hx-trigger"]) == ("waiting", "every 2s")
    work()
    shown = progress(user_client, job)
    assert (shown["data-state"], shown["data-done"], shown["data-failed"]) == ("finished", "3", "1")
    assert "hx-trigger" not in shown
    page = user_client.get(f"/jobs/{job.pk}/").content.decode()
    assert "trip/bad 0.jpg" in page
    assert "This is a text file. Choose an image." in page
    assert user.uploads.filter(expires_at__gt=timezone.now() + timedelta(days=6)).count() == 3
    assert "trip/000.jpg" in user_client.get("/history/").content.decode()
    assert "3" in user_client.get("/jobs/").content.decode()


def test_visitor_has_jobs_too_and_moves_them_to_an_account(client, shipped):
    job = submit(client)
    work()
    assert progress(client, job)["data-done"] == "3"
    assert Client().get(f"/jobs/{job.pk}/").status_code == 404
    words = {"username": "taras", "password1": "correct horse battery", "password2": "correct horse battery"}
    client.post("/accounts/sign-up/", {**words, "takes_uploads": "on"})
    assert progress(client, job)["data-done"] == "3"
    job.refresh_from_db()
    assert (job.owner.username, job.visitor) == ("taras", None)


def test_job_survives_signing_out(user_client, user, shipped):
    job = submit(user_client)
    user_client.post("/accounts/sign-out/")
    work()
    assert user_client.get(f"/jobs/{job.pk}/").status_code == 404
    user_client.force_login(user)
    assert progress(user_client, job)["data-state"] == "finished"


def test_cancel_resume_and_retry(user_client, user, shipped):
    job = submit(user_client)
    assert "The job was cancelled." in act(user_client, job, "cancel")
    work()
    assert user.predictions.count() == 0
    assert "The job was resumed." in act(user_client, job, "resume")
    work()
    assert "Retrying 1 file." in act(user_client, job, "retry")
    work()
    shown = progress(user_client, job)
    assert (shown["data-state"], shown["data-done"], shown["data-failed"]) == ("finished", "3", "1")
    Job.objects.update(file="")
    assert "files have been deleted" in act(user_client, job, "retry")
    assert act(user_client, job, "nonsense")


def test_results_as_csv_and_zip(user_client, shipped):
    job = submit(user_client)
    work()
    table = b"".join(user_client.get(f"/jobs/{job.pk}/results.csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["state"] for row in rows] == ["done", "done", "done", "failed"]
    assert rows[3]["error"] == "This is a text file. Choose an image."
    assert rows[0]["model"] == "student_cnn@1"
    for layout, places in (
        ("classes", 4),
        ("folders", ["results.csv", "trip/000.jpg", "trip/001.jpg", "trip/002.jpg"]),
    ):
        content = b"".join(user_client.get(f"/jobs/{job.pk}/results.zip?layout={layout}").streaming_content)
        names = sorted(zipfile.ZipFile(io.BytesIO(content)).namelist())
        assert places in (len(names), names)
    errors = b"".join(user_client.get(f"/jobs/{job.pk}/errors.csv").streaming_content).decode("utf-8-sig")
    assert [row["file_name"] for row in csv.DictReader(io.StringIO(errors))] == ["trip/bad 0.jpg"]
    assert user_client.get(f"/jobs/{job.pk}/results.zip?layout=heap").status_code == 404


def test_two_images_of_one_path_are_both_in_the_archive(user_client, shipped):
    one, other = image_bytes(seed=1), image_bytes(seed=2)
    job = submit(user_client, archive=zip_file({"trip/A.jpg": one, "trip/a.jpg": other, "CON/b?.jpg": one}))
    work()
    content = b"".join(user_client.get(f"/jobs/{job.pk}/results.zip?layout=folders").streaming_content)
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert len({name.casefold() for name in names}) == 4
    assert "_CON/b_.jpg" in names


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (None, "No file was chosen. Choose a ZIP archive, files or a folder."),
        (image_file("a.zip", b""), "This is not a ZIP archive."),
        (image_file("a.zip", image_bytes()), "This is not a ZIP archive."),
        (zip_file({}), "The archive contains no files."),
    ],
)
def test_invalid_archive_is_refused_with_the_reason(user_client, shipped, archive, words):
    response = user_client.post("/jobs/", {"kind": "classify", **({"archive": archive} if archive else {})})
    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Job.objects.exists()


def test_unknown_kind_is_refused(user_client):
    assert user_client.post("/jobs/", {"kind": "nonsense"}).status_code == 400


def test_export_is_downloaded_for_a_day(user_client, user):
    make_prediction(user, name="cat.jpg")
    make_prediction(user, name="dog.jpg", seed=1)
    response = user_client.post("/jobs/", {"kind": "export", "format": "csv", "query": "name=cat"})
    job = Job.objects.get()
    assert response.url == f"/jobs/{job.pk}/"
    assert user_client.get(f"/jobs/{job.pk}/export").status_code == 404
    work()
    answer = user_client.get(f"/jobs/{job.pk}/export")
    content = b"".join(answer.streaming_content)
    assert [b"cat.jpg" in content, b"dog.jpg" in content] == [True, False]
    assert answer["Content-Disposition"] == 'attachment; filename="predictions.csv"'
    assert f"/jobs/{job.pk}/export" in user_client.get(f"/jobs/{job.pk}/").content.decode()


def test_history_exports_a_little_at_once_and_much_with_a_job(user_client, user, monkeypatch):
    for seed, name in enumerate(["cat.jpg", "cat 2.jpg", "dog.jpg"]):
        make_prediction(user, name=name, seed=seed)
    monkeypatch.setitem(export_job.AT_ONCE, "csv", 2)
    named = elements(user_client.get("/history/?name=cat&view=list"), "name")
    (query,) = [element["value"] for element in named if element["name"] == "query"]
    small = user_client.post("/history/export/", {"format": "csv", "query": query}, follow=True)
    assert small.redirect_chain == [("/history/predictions.csv?name=cat", 302)]
    content = b"".join(small.streaming_content)
    assert [b"cat 2.jpg" in content, b"dog.jpg" in content] == [True, False]
    assert not Job.objects.exists()
    large = user_client.post("/history/export/", {"format": "csv", "query": ""})
    assert large.url == f"/jobs/{Job.objects.get().pk}/"
    assert user_client.post("/history/export/", {"format": "pdf"}).url == "/history/"


def test_export_of_nothing_is_refused(user_client):
    response = user_client.post("/jobs/", {"kind": "export", "format": "csv"})
    assert response.status_code == 400
    assert "There is nothing to export." in response.content.decode()


def test_other_model_answers_beside_the_first(user_client, user, models_dir):
    before = make_prediction(user)
    other = publish(folder=another_model(models_dir / "other"))
    user_client.post("/jobs/", {"kind": "rescore", "model": other.pk, "everybody": "on"})
    assert Job.objects.get().parameters == {"everybody": False}
    work()
    history = user_client.get("/history/").content.decode()
    assert len(re.findall(r'name="predictions"', history)) == 2
    # Each shows what the other model said.
    others = set(re.findall(r'data-beside="([^"]+)">\s*(\w+) v1: ', history))
    assert others == {(str(one.pk), one.model_version.name) for one in user.predictions.all()}
    page = user_client.get(f"/predictions/{before.pk}/").content.decode()
    after = before.upload.predictions.exclude(pk=before.pk).get()
    assert f"/predictions/{after.pk}/" in page
    assert "other v1" in page


def test_staff_classifies_everybodys_images_again(client, user, models_dir):
    make_prediction(user)
    other = publish(folder=another_model(models_dir / "other"))
    client.force_login(make_superuser())
    client.post("/jobs/", {"kind": "rescore", "model": other.pk, "everybody": "on"})
    work()
    assert user.predictions.count() == 2
    assert "olena" not in client.get("/history/").content.decode()


def test_stuck_job_says_so(user_client, user, shipped):
    job = make_job(Owner(user=user))
    assert "No worker has picked up" not in user_client.get(f"/jobs/{job.pk}/").content.decode()
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    assert "No worker has picked up" in user_client.get(f"/jobs/{job.pk}/").content.decode()


def test_pages_ask_for_as_much_whatever_the_number_of_files(user_client, user, shipped, django_assert_max_num_queries):
    job = make_job(Owner(user=user), photographs(30, bad=20), part_size=3)
    work()
    for address in (f"/jobs/{job.pk}/", "/jobs/"):
        with django_assert_max_num_queries(12):
            user_client.get(address)


def test_admin_lists_all_jobs_stuck_ones_first_and_cancels(client, user, shipped):
    client.force_login(make_superuser())
    stuck, newer = make_job(Owner(user=user)), make_job(Owner(user=user), photographs(1))
    Job.objects.filter(pk=stuck.pk).update(created_at=timezone.now() - timedelta(minutes=9), name="stuck.zip")
    work(1)  # the stuck one is taken first, and its sign of life goes back again
    Job.objects.filter(pk=stuck.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=9))
    page = client.get("/admin/classifier/job/").content.decode()
    assert page.index("stuck.zip") < page.index("trip.zip")
    assert client.get(f"/admin/classifier/job/{stuck.pk}/change/").status_code == 200
    chosen = {"action": "cancel_jobs", "_selected_action": [str(stuck.pk), str(newer.pk)]}
    assert "2 jobs were cancelled." in client.post("/admin/classifier/job/", chosen, follow=True).content.decode()
    assert set(Job.objects.values_list("state", flat=True)) == {"cancelled"}


def test_deleting_everything_ends_the_jobs_and_deletes_their_files(user_client, user, shipped, stored_files):
    kept = make_job(Owner(user=make_user("another")))
    job = submit(user_client)
    work(2)
    assert user_client.post("/history/delete/").status_code == 302
    assert not Job.objects.filter(pk=job.pk).exists()
    assert user.uploads.count() == 0
    assert kept.file.name in stored_files()
    work()
    assert user.uploads.count() == 0
    assert not [name for name in stored_files() if name == job.file.name]


@pytest.mark.browser
def test_dropped_archive_becomes_a_job_whose_page_follows_it(open_browser, complaints, user, shipped):
    page = open_browser()
    sign_in(page, user)
    page.goto("/")
    page.select_option("#id_keep", "7")
    content = base64.b64encode(zip_file(photographs(3, bad=1)).read()).decode()
    archive = page.evaluate_handle(TRANSFER, [["trip.zip", content]])
    page.dispatch_event("[data-upload]", "drop", {"dataTransfer": archive})
    page.wait_for_url("**/jobs/*/")
    shown = page.locator("[data-job]")
    expect(shown).to_have_attribute("data-state", "waiting")
    work()
    expect(shown).to_have_attribute("data-state", "finished")
    expect(shown).to_have_attribute("data-failed", "1")
    expect(page.get_by_text("trip/bad 0.jpg")).to_be_visible()
    assert user.uploads.exclude(expires_at=None).count() == 2
    assert complaints == []
