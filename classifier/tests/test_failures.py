"""What people and programs are told when the disk, the database or the model fails, and that the site recovers."""

import html
import os
import re
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from playwright.sync_api import expect

from classifier.models import Prediction, Upload
from classifier.services.models import serving
from classifier.services.operations.storage import StorageUnavailable
from classifier.services.operations.sweep import Loss, sweep
from classifier.tests.api import PREDICTIONS, program
from classifier.tests.factories import (
    environment,
    image_bytes,
    image_file,
    linked_model,
    make_prediction,
    make_user,
    manage,
    only_on_sqlite,
)
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)

#: 2.25 MB: more than the largest file that the test of a full disk allows.
LARGE = image_bytes("BMP", width=1000, height=750)
#: What says why the model answered so.
WHY = ("explanation/", "seen.png", "map.png")
Trouble = AbstractContextManager[None]


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a small disk over a folder; skips where mounting is not allowed."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no permission to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def full_disk() -> Trouble:
    return _mounted(django_settings.MEDIA_ROOT, "size=64k")


@contextmanager
def largest_file_reached() -> Iterator[None]:
    """No file may grow beyond 2 MB: what is written of a larger one stays a half."""
    only_on_sqlite()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_database() -> Iterator[None]:
    """SQLite itself refuses to let its file grow; uploads fill what room there is in it."""
    only_on_sqlite()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            filler, refused = make_user("filler"), 0
            while refused < 10:  # rows differ in size
                try:
                    make_prediction(filler)
                except StorageUnavailable:
                    refused += 1
            yield
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")


@contextmanager
def read_only_folder() -> Iterator[None]:
    folder = Path(django_settings.MEDIA_ROOT)
    if os.geteuid() == 0:  # whom no permissions stop
        with _mounted(folder, "ro"):
            yield
        return
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


@contextmanager
def file_for_a_folder() -> Iterator[None]:
    folder = Path(django_settings.MEDIA_ROOT) / "uploads"
    folder.mkdir(exist_ok=True)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("no folder")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@contextmanager
def locked_database() -> Iterator[None]:
    """Another connection writes and does not come to an end; ours waits a tenth of a second for it."""
    only_on_sqlite()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def no_models_folder() -> Iterator[None]:
    folder = Path(django_settings.MODELS_DIR)
    serving.forget()
    folder.rename(folder.with_name("aside"))
    try:
        yield
    finally:
        folder.with_name("aside").rename(folder)


TROUBLES: dict[Callable[[], Trouble], tuple[str, str]] = {
    full_disk: ("The site&#x27;s disk is full.", "No space left on device"),
    largest_file_reached: ("The site&#x27;s disk is full.", "File too large"),
    full_database: ("The site&#x27;s disk is full.", "database or disk is full"),
    read_only_folder: ("The site’s storage is temporarily unavailable.", "Read-only file system|Permission denied"),
    file_for_a_folder: ("The site’s storage is temporarily unavailable.", "uploads"),
    locked_database: ("The database is busy.", "database is locked"),
    no_models_folder: ("No model is available at the moment.", "restore its folder"),
}
each_trouble = pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)


@pytest.fixture(autouse=True)
def own_models_folder(settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(serving, "_RETRY_SECONDS", 0.0)
    settings.MODELS_DIR = tmp_path / "models"
    linked_model(settings.MODELS_DIR / "student_cnn")


def send(client: Client, **headers: str):
    return client.post("/", {"image": image_file("large.bmp", LARGE)}, headers=headers)


@each_trouble
def test_failure_is_explained_and_the_site_recovers_by_itself(user_client, stored_files, caplog, trouble):
    text, cause = TROUBLES[trouble]
    with trouble():
        count = Upload.objects.count()
        caplog.clear()
        page = send(user_client)
    assert page.status_code == 503
    assert text in page.text
    assert "Your saved images are safe." in page.text
    assert "send it again" in page.text
    assert "site-header" in page.text
    assert int(page["Retry-After"]) > 0
    assert "no-store" in page["Cache-Control"]
    (line,) = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert re.search(cause, line.message)
    assert line.exc_info is None
    assert "\n" not in line.message
    assert (Upload.objects.count(), len(stored_files())) == (count, 2 * count)
    assert send(user_client).status_code == 302
    assert (Upload.objects.count(), len(stored_files())) == (count + 1, 2 * count + 2)


@pytest.mark.parametrize("by_program", [False, True])
def test_connection_from_when_the_database_was_read_only_is_not_used_again(user, user_client, by_program):
    only_on_sqlite()
    client, address = (program(user), PREDICTIONS) if by_program else (user_client, "/")
    try:
        with connection.cursor() as cursor:
            # As SQLite opens a file that it may not write: for as long as the connection lasts.
            cursor.execute("PRAGMA query_only = ON")
        statuses = [client.post(address, {"image": image_file()}).status_code for _ in range(2)]
    finally:
        connection.close()
    assert statuses == [503, 201 if by_program else 302]


def test_script_gets_the_reason_for_its_row(user_client):
    with locked_database():
        row = send(user_client, HX_Request="true")
    assert row.status_code == 503
    assert "<html" not in row.text
    assert len(elements(row, "data-upload-answer")) == 1
    assert "The database is busy. Your saved images are safe." in row.text


@pytest.mark.parametrize("trouble", [locked_database, no_models_folder], ids=lambda trouble: trouble.__name__)
def test_program_gets_the_reason_as_json(user_client, trouble):
    with trouble():
        response = send(user_client, Accept="application/json")
    problem = response.json()
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert problem["status"] == 503
    assert problem["detail"].startswith(html.unescape(TROUBLES[trouble][0]))


def test_reading_works_during_a_write(user_client):
    send(user_client)
    with locked_database():
        assert user_client.get("/history/").status_code == 200


CHANGES: dict[str, Callable[[Client, Client, Prediction], HttpResponse]] = {
    "deleted on the page": lambda page, _, one: page.post(f"/predictions/{one.pk}/delete/"),
    "deleted by a program": lambda _, api, one: api.delete(f"{PREDICTIONS}{one.pk}/"),
    "corrected on the page": lambda page, _, one: page.post(f"/predictions/{one.pk}/correction/", {"label": "dog"}),
    "corrected by a program": lambda _, api, one: api.put(
        f"{PREDICTIONS}{one.pk}/correction/", {"label": "dog"}, content_type="application/json"
    ),
}


@each_trouble
def test_stored_is_deleted_and_corrected_or_stays_as_it_was(user, user_client, stored_files, trouble):
    clients = user_client, program(user)
    predictions = {name: make_prediction(user, seed=seed) for seed, name in enumerate(CHANGES)}

    def is_changed(name: str) -> bool:
        response = CHANGES[name](*clients, predictions[name])
        assert response.status_code in (200, 204, 302, 503)
        row = Prediction.objects.filter(pk=predictions[name].pk).first()
        changed = row is None if name.startswith("deleted") else row.corrected_class == "dog"
        assert changed == (response.status_code != 503)
        return changed

    with trouble():
        waiting = [name for name in CHANGES if not is_changed(name)]
    assert all(is_changed(name) for name in waiting)
    # What could not be deleted then is found, and nothing that belongs to a row.
    assert not any(isinstance(found, Loss) for found in sweep(older_than=timedelta(0)))
    assert len(stored_files()) == 2 * Upload.objects.count()


@pytest.mark.parametrize("name", [name for name in CHANGES if name.startswith("deleted")])
def test_file_that_cannot_be_deleted_is_left_to_the_sweep(user, user_client, stored_files, caplog, name):
    prediction = make_prediction(user)
    file = prediction.upload.file.name
    with file_for_a_folder():
        assert CHANGES[name](user_client, program(user), prediction).status_code in (204, 302)
        assert Upload.objects.count() == 0
    # The other file is not kept by it.
    assert stored_files() == [file]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert file in line
    assert "manage.py sweep" in line
    assert [orphan.name for orphan in sweep(older_than=timedelta(0))] == [file]
    assert stored_files() == []


@pytest.mark.parametrize("path", ["uploads/{0.upload_id}/image", *(f"predictions/{{0.pk}}/{name}" for name in WHY)])
def test_file_that_cannot_be_read_is_no_missing_page(user_client, user, path):
    address = f"/{path.format(make_prediction(user))}"
    with file_for_a_folder():
        page = user_client.get(address)
        assert page.status_code == 503
        assert "Please try again in a minute." in page.text
        assert "no-store" in page["Cache-Control"]
    assert user_client.get(address).status_code == 200


def test_script_that_asks_why_gets_what_the_page_can_tell(user_client, user):
    address = f"/predictions/{make_prediction(user).pk}/explanation/"
    with file_for_a_folder():
        part = user_client.get(address, headers={"HX-Request": "true"})
    assert part.status_code == 503
    assert "The site’s storage is temporarily unavailable." in part.text
    assert len(elements(part, "data-upload-answer")) == 1


def test_failure_outside_the_views_is_explained(settings, tmp_path, caplog):
    """A large upload goes to a temporary file while the middleware looks for the form's token."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "file"
    settings.FILE_UPLOAD_TEMP_DIR.write_text("no folder")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.get("/")
    page = send(client)
    assert page.status_code == 503
    assert "The site’s storage is temporarily unavailable." in page.text
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.exc_info is None


def test_every_other_error_stays_an_error(monkeypatch, caplog):
    client = Client(raise_request_exception=False)
    monkeypatch.setattr("classifier.views.home.known_classes", lambda: 1 / 0)
    page = client.get("/")
    assert page.status_code == 500
    assert "The error is on our side" in page.text
    assert "ZeroDivisionError" in caplog.text


def test_page_is_in_the_language_of_the_person(user_client):
    user_client.cookies["django_language"] = "uk"
    with locked_database():
        page = send(user_client)
    assert '<html lang="uk">' in page.text
    assert "Your saved images are safe." not in page.text


def test_page_needs_no_database(tmp_path):
    env = environment(tmp_path, DATABASE_URL="sqlite:////nowhere/db.sqlite3", ALLOWED_HOSTS="testserver")
    ask = "from django.test import Client; answer = Client().get('/history/'); print(answer.status_code, answer.text)"
    answer = manage("shell", "--no-imports", "--command", ask, env=env).stdout
    assert answer.startswith("503 <!DOCTYPE html>")
    assert "The database is temporarily unavailable." in answer


def test_how_long_to_wait_for_the_database_is_a_setting(tmp_path):
    env = environment(tmp_path, DATABASE_WAIT_SECONDS="0.5")
    ask = "from django.db import connection as c; print(c.cursor().execute('PRAGMA busy_timeout').fetchone())"
    assert manage("shell", "--no-imports", "--command", ask, env=env).stdout.strip() == "(500,)"


@pytest.mark.browser
def test_row_of_many_says_why_and_can_be_sent_again(open_browser, complaints, tmp_path):
    page = open_browser()
    pictures = []
    for seed in range(2):
        pictures.append(tmp_path / f"{seed}.jpg")
        pictures[-1].write_bytes(image_bytes(seed=seed))
    page.goto("/")
    with file_for_a_folder():
        page.set_input_files("[data-upload-input]", pictures)
        rows = page.locator("[data-state=failed]")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("The site’s storage is temporarily unavailable.")
        expect(rows.first).to_contain_text("Your saved images are safe.")
    page.locator("[data-retry-all]").click()
    expect(page.locator("[data-state=done]")).to_have_count(2)
    assert Prediction.objects.count() == 2
