"""The site as it is run: Gunicorn with its own configuration, processes and files, over HTTP."""

import http.cookiejar
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from classifier.tests.factories import BASE_DIR, another_model, image_bytes, image_file, manage
from classifier.tests.pages import elements, probabilities_of, result_of
from classifier.tests.server import Site, serve, workers_of
from ml.images.preprocessing import decode
from ml.serving.inference import LoadedModel

WORKERS = 2


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    variables = {"WEB_CONCURRENCY": str(WORKERS), "SWEEP_AT_START": "false"}
    with serve(tmp_path_factory.mktemp("server"), **variables) as site:
        yield site


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class Browser:
    """Asks with cookies and the site's tokens, as a browser does."""

    def __init__(self, address: str) -> None:
        self.address = address
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))

    def get(self, path: str, **headers: str) -> Response:
        return self._open(urllib.request.Request(self.address + path, headers=headers))  # noqa: S310

    def upload(self) -> Response:
        tokens = [field["value"] for field in elements(self.get("/").text, "value") if "csrf" in field.get("name", "")]
        body = encode_multipart(BOUNDARY, {"image": image_file(), "csrfmiddlewaretoken": tokens[0]})
        headers = {"Content-Type": MULTIPART_CONTENT}
        return self._open(urllib.request.Request(f"{self.address}/", body, headers))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> Response:
        try:
            with self.opener.open(request) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, dict(error.headers), error.read())


@pytest.fixture
def browser(site) -> Browser:
    return Browser(site.address)


def mapped_by(process_id: int) -> str:
    """The libraries and files that a process has in its memory."""
    return Path(f"/proc/{process_id}/maps").read_text().lower()


def test_upload_over_http_is_classified_and_kept(site, browser):
    page = browser.upload()
    assert page.status == 200
    number = result_of(page.text)["data-prediction"]
    assert browser.get(f"/predictions/{number}/").status == 200
    assert Browser(site.address).get(f"/predictions/{number}/").status == 404
    (thumbnail,) = [picture["src"] for picture in elements(browser.get("/history/").text, "loading")]
    assert browser.get(thumbnail).headers["Content-Type"] == "image/jpeg"
    assert len([*(site.folder / "media").rglob("*.jpg")]) == 2


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_workers_load_litert_before_anybody_asks_and_never_tensorflow(site, browser):
    assert browser.upload().status == 200  # by one of them
    for _ in range(600):
        if len(workers := workers_of(site.process_id)) == WORKERS:
            break
        time.sleep(0.05)
    assert len(workers) == WORKERS
    for _ in range(600):
        if all("litert" in mapped_by(worker) for worker in workers):
            break
        time.sleep(0.05)
    for worker in workers:
        assert "litert" in mapped_by(worker)
        assert "tensorflow" not in mapped_by(worker)
    assert "litert" not in mapped_by(site.process_id)


def test_site_is_ready(browser):
    assert browser.get("/healthz").status == 200
    assert re.search(rb'"model": "[a-z][a-z0-9_-]* v1"', browser.get("/readyz").content)


@pytest.mark.parametrize(("port", "status"), [(None, 0), ("1", 1)])
def test_containers_health_check_tells_whether_the_server_answers(site, port, status):
    env = {**os.environ, "ALLOWED_HOSTS": "127.0.0.1", "PORT": port or site.address.rpartition(":")[2]}
    command = [sys.executable, "-m", "cifarsite.healthcheck"]
    assert subprocess.run(command, cwd=BASE_DIR, env=env, check=False).returncode == status


def test_static_files_are_immutable_and_compressed(browser):
    page = browser.get("/").text
    files = [tag["href"] for tag in elements(page, "href") if tag.get("rel") == "stylesheet"]
    files += [script["src"] for script in elements(page, "src") if script["src"].endswith(".js")]
    assert len(files) >= 3
    for file in files:
        assert re.search(r"\.[0-9a-f]{12}\.", file)
        answer = browser.get(file, **{"Accept-Encoding": "gzip"})
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert int(re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])[1]) >= 60 * 60 * 24 * 365
    stylesheet = next(file for file in files if "bootstrap" in file)
    assert browser.get(stylesheet, **{"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"


def test_missing_page_is_a_page_of_the_site(browser):
    page = browser.get("/nothing/here")
    assert page.status == 404
    assert "This page does not exist" in page.text
    assert "site-header" in page.text
    assert "DEBUG" not in page.text


def test_uploads_have_no_public_address(site, browser):
    browser.upload()
    for path in (site.folder / "media").rglob("*.jpg"):
        assert browser.get(f"/media/{path.relative_to(site.folder / 'media')}").status == 404


def test_name_that_is_not_allowed_is_refused(browser):
    assert browser.get("/", Host="example.com").status == 400


def test_pages_may_not_be_framed_or_guessed_at(browser):
    headers = browser.get("/").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


class Answer(NamedTuple):
    status: int
    model: str
    probabilities: dict[str, float]


def ask(browser: Browser) -> Answer:
    page = browser.upload()
    if page.status != 200:
        return Answer(page.status, "", {})
    return Answer(page.status, result_of(page.text)["data-model"], probabilities_of(page.text))


@pytest.mark.endurance
def test_model_changes_under_load_without_a_failed_or_mixed_up_answer(site, tmp_path):
    """Four people upload all the while the active model changes ten times, in two processes that are told nothing."""
    folders = {
        f"{name} v1": another_model(tmp_path / name, calibration={"temperature": temperature})
        for name, temperature in (("cold", 0.5), ("warm", 3.0))
    }
    picture = decode(image_bytes()).picture
    expected = {}
    for name, folder in folders.items():
        assert manage("models", "publish", str(folder), env=site.env).returncode == 0
        model = LoadedModel(folder)
        answers = model.predict([model.prepare(picture)])
        expected[name] = dict(zip(model.class_names, map(float, answers.probabilities[0])))
    ended = threading.Event()

    def upload_on_and_on() -> list[Answer]:
        browser, answers = Browser(site.address), []
        while not ended.is_set():
            answers.append(ask(browser))
        return answers

    with ThreadPoolExecutor(4) as executor:
        people = [executor.submit(upload_on_and_on) for _ in range(4)]
        try:
            for name in [*folders] * 5:
                done = manage("models", "activate", name.replace(" v", "@"), "--yes", env=site.env)
                assert done.returncode == 0, done.stderr
                time.sleep(2)
                browser = Browser(site.address)
                assert {ask(browser).model for _ in range(4 * WORKERS)} == {name}
        finally:
            ended.set()
    answers = [answer for person in people for answer in person.result()]
    assert {answer.status for answer in answers} == {200}
    changed = [answer for answer in answers if answer.model in expected]
    assert {answer.model for answer in changed} == set(expected)
    for answer in changed:
        assert answer.probabilities == pytest.approx(expected[answer.model], abs=1e-5)


def test_the_running_site_deletes_what_has_expired(tmp_path):
    count = "SELECT (SELECT count(*) FROM classifier_upload) + (SELECT count(*) FROM django_session)"
    with serve(tmp_path, WEB_CONCURRENCY="1", SWEEP_AT_START="false", PURGE_EVERY_SECONDS="0.1") as site:
        assert Browser(site.address).upload().status == 200
        with closing(sqlite3.connect(tmp_path / "db.sqlite3", timeout=30)) as database:
            assert database.execute(count).fetchone() == (2,)
            with database:
                database.execute("UPDATE django_session SET expire_date = '2000-01-01 00:00:00'")
                database.execute("UPDATE classifier_upload SET expires_at = '2000-01-01 00:00:00'")
            deadline = time.monotonic() + 60
            while database.execute(count).fetchone() != (0,) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert database.execute(count).fetchone() == (0,)
    assert "Deleted 1 expired uploads." in (site.folder / "log").read_text()
