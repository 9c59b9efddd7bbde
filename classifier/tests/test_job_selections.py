"""Many files or a folder as one job, from the form of one file: with a script and without one."""

import base64
import re
import zipfile
from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from playwright.sync_api import expect

from classifier.forms import uploads
from classifier.models import Job
from classifier.services.jobs.progress import progress_of
from classifier.services.people.ownership import Owner
from classifier.tests.browser import sign_in
from classifier.tests.factories import image_bytes, image_file
from classifier.tests.jobs import BAD, make_job, work, zip_bytes
from classifier.tests.test_browser_upload import TRANSFER, drop_from_the_desktop

pytestmark = pytest.mark.django_db(transaction=True)

LINE = "\r\n"


def body(files: list[tuple[str, str, bytes]], **fields: str) -> bytes:
    """A form as browsers send it: files as (field, path, content)."""
    parts = [
        f'--limit{LINE}Content-Disposition: form-data; name="{name}"{LINE}{LINE}{value}'
        for name, value in fields.items()
    ]
    sent = b"".join(part.encode() + LINE.encode() for part in parts)
    for field, path, content in files:
        head = f'--limit{LINE}Content-Disposition: form-data; name="{field}"; filename="{path}"{LINE}'
        sent += f"{head}Content-Type: image/jpeg{LINE}{LINE}".encode() + content + LINE.encode()
    return sent + b"--limit--\r\n"


def post(client, files, **fields):
    content = body(files, kind="classify", **fields)
    return client.generic("POST", "/jobs/", content, "multipart/form-data; boundary=limit")


def names(job: Job) -> list[str]:
    return list(job.items.order_by("number").values_list("name", flat=True))


def test_files_and_folders_become_one_job_under_their_paths(user_client, user, shipped):
    image = image_bytes()
    sent = [("files", "a.jpg", image), ("folder", "trip/день 1/b.jpg", image), ("folder", "trip/notes.txt", BAD)]
    response = post(user_client, [*sent, ("files", "a.jpg", image), ("archive", "", b"")], keep="7")
    assert response.status_code == 302, response.content.decode()
    job = Job.objects.get()
    with zipfile.ZipFile(default_storage.open(job.file.name)) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    work()
    assert names(job) == ["a.jpg", "trip/день 1/b.jpg", "trip/notes.txt", "2/a.jpg"]
    assert job.name == "a.jpg +3"
    assert (progress_of(job).done, progress_of(job).failed) == (3, 1)
    assert user.uploads.exclude(expires_at=None).count() == 3


def test_job_of_a_folder_has_its_name(user_client, shipped):
    post(user_client, [("folder", f"trip/{name}.jpg", image_bytes()) for name in "ab"])
    assert Job.objects.get().name == "trip"


def test_path_out_of_the_folder_fails_for_itself(user_client, shipped):
    post(user_client, [("folder", "../../etc/passwd", image_bytes()), ("folder", "trip/a.jpg", image_bytes())])
    work()
    assert list(Job.objects.get().items.values_list("error_code", flat=True)) == ["unsafe_path", ""]


@pytest.mark.parametrize(
    ("files", "fields", "words"),
    [
        ([("files", "a.jpg", b"1")] * 4, {}, "There are more than 2 files."),
        ([("files", "a.jpg", b"1"), ("archive", "a.zip", zip_bytes({"a": b"1"}))], {}, "either an archive or files"),
        ([("files", "", b"")], {}, "No file was chosen."),
        ([("files", "a.jpg", b"1")], {"keep": "0"}, "are stored until you have seen their results"),
    ],
)
def test_selection_is_refused_with_the_reason(user_client, settings, shipped, files, fields, words, stored_files):
    settings.MAX_ARCHIVE_FILES = 2
    response = post(user_client, files, **fields)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Job.objects.exists()
    assert not stored_files()


def test_files_of_other_forms_stay_limited(client):
    content = body([("image", f"{number}.jpg", b"1") for number in range(101)])
    assert client.generic("POST", "/", content, "multipart/form-data; boundary=limit").status_code == 400


def test_selection_that_breaks_off_leaves_nothing(user_client, settings, tmp_path, shipped):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "received"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    whole = body([("files", "a.jpg", image_bytes()), ("files", "b.jpg", image_bytes())], kind="classify")
    broken = BytesIO(whole[: len(whole) // 2])
    response = user_client.post(
        "/jobs/",
        **{"wsgi.input": broken, "CONTENT_LENGTH": len(whole)},
        content_type="multipart/form-data; boundary=limit",
    )
    assert response.status_code == 400
    assert not Job.objects.exists()
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


@pytest.fixture
def album(tmp_path):
    """A folder with images in folders."""
    for name in ("album/summer/a.jpg", "album/summer/b.jpg", "album/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_bytes(seed=len(name)))
    return tmp_path / "album"


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False])
def test_folder_is_chosen_and_its_job_shows_results_as_they_come(open_browser, album, user, shipped, scripts):
    page = open_browser(java_script_enabled=scripts)
    sign_in(page, user)
    page.goto("/")
    page.get_by_text("Many photos, a folder or a ZIP archive").click()
    page.set_input_files("#id_folder", album)
    page.get_by_role("button", name="Classify in the background").click()
    page.wait_for_url("**/jobs/*/")
    shown = page.locator("[data-job]")
    expect(shown).to_have_attribute("data-state", "waiting")
    work()
    if not scripts:
        page.reload()
    expect(shown).to_have_attribute("data-state", "finished")
    expect(shown.locator("img")).to_have_count(3)
    expect(page.locator("[data-announcement]")).to_have_text(re.compile("finished 3 of 3 done.*") if scripts else "")
    assert sorted(names(Job.objects.get())) == ["album/c.jpg", "album/summer/a.jpg", "album/summer/b.jpg"]


@pytest.mark.browser
def test_button_keeps_the_focus_while_the_progress_is_renewed(open_browser, user, shipped):
    make_job(Owner(user=user))
    page = open_browser()
    sign_in(page, user)
    page.goto(f"/jobs/{Job.objects.get().pk}/")
    page.locator("#job-cancel").focus()
    with page.expect_response("**/progress/"):
        pass
    work(1)
    expect(page.locator("[data-summary]")).to_contain_text("of 3 done")
    expect(page.locator("#job-cancel")).to_be_focused()


@pytest.mark.browser
def test_dropped_folder_of_many_keeps_its_folders(open_browser, album, monkeypatch, shipped):
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 2)
    page = open_browser()
    page.goto("/")
    drop_from_the_desktop(page, album)
    page.wait_for_url("**/jobs/*/")
    work()
    assert sorted(names(Job.objects.get())) == ["album/c.jpg", "album/summer/a.jpg", "album/summer/b.jpg"]


@pytest.mark.browser
def test_selection_that_is_refused_says_why_where_it_was_made(open_browser, complaints, shipped):
    page = open_browser()
    page.goto("/")
    page.select_option("#id_keep", "0")
    content = base64.b64encode(zip_bytes({"a.jpg": image_bytes()})).decode()
    archive = page.evaluate_handle(TRANSFER, [["trip.zip", content]])
    page.dispatch_event("[data-upload]", "drop", {"dataTransfer": archive})
    expect(page.locator("[data-job-error]")).to_contain_text("Choose how long.")
    page.locator("[data-job-send]").click()
    expect(page.locator("[data-job-error]")).to_contain_text("No file was chosen.")
    assert not Job.objects.exists()
    complaints[:] = [text for text in complaints if "400" not in text]


def test_image_is_no_selection(client, shipped):
    assert client.post("/", {"image": image_file()}).status_code == 302
