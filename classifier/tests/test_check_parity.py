import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from classifier.models import ModelVersion, Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.tests.factories import (
    database_url,
    doubtful_model,
    environment,
    make_prediction,
    manage,
    pictures,
)
from ml.classes import CLASS_NAMES
from ml.tests.factories import http_answer, web_server

pytestmark = pytest.mark.django_db(transaction=True)

FORM = '<input name="csrfmiddlewaretoken" value="token">'


@pytest.fixture(autouse=True)
def nothing_left(stored_files):
    """Whatever the command found, it took its uploads, its files and its session away."""
    yield
    assert (Upload.objects.count(), Prediction.objects.count(), Session.objects.count()) == (0, 0, 0)
    assert stored_files() == []


def check(*arguments: object) -> str:
    output = io.StringIO()
    call_command("check_parity", *map(str, arguments), stdout=output)
    return output.getvalue()


@contextmanager
def site_showing(result: str) -> Iterator[str]:
    """A site whose form leads to this result, whatever is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(FORM)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(result)

        def _answer(self, page: str) -> None:
            self.wfile.write(http_answer(page.encode()))

        def log_message(self, *args) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def result(*names: str, number: str = "1") -> str:
    rows = "".join(f'<tr data-name="{name}" data-probability="0.1">' for name in names)
    return f'<section data-prediction="{number}">{rows}</section>'


def test_site_of_its_own_answers_as_the_evaluation_computes(cifar10_folder, shipped):
    output = check("--data-dir", cifar10_folder, "--count", 3)
    assert f"{shipped}, 3 test images" in output
    for way in ("manage.py classify", "upload page"):
        assert float(re.search(rf"^{way} +(\S+)$", output, re.M)[1]) <= 1e-5
    assert "All within 1e-05." in output


def test_running_site_answers_as_the_evaluation_computes(picture_folder, live_server):
    assert "All within 1e-05." in check("--data-dir", picture_folder, "--url", f"{live_server.url}/")


def test_model_that_abstains_is_compared_as_well(picture_folder, tmp_path):
    publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)
    assert "doubtful v1, 2 test images" in check("--data-dir", picture_folder, "--count", 2)


def test_it_works_behind_the_settings_of_a_public_site(picture_folder, tmp_path, media_root):
    public = {"DEBUG": "false", "HTTPS": "true", "BEHIND_PROXY": "true", "ALLOWED_HOSTS": "example.org"}
    # Nothing listens there.
    proxies = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    env = environment(tmp_path, DATABASE_URL=database_url(), MEDIA_ROOT=str(media_root), **public, **proxies)
    assert manage("collectstatic", "--no-input", env=env).returncode == 0
    done = manage("check_parity", "--data-dir", str(picture_folder), "--count", "2", env=env)
    assert done.returncode == 0, done.stderr
    assert "All within 1e-05." in done.stdout


def test_uploads_of_others_stay(picture_folder, user):
    kept = make_prediction(user)
    check("--data-dir", picture_folder, "--count", 1)
    assert [*Prediction.objects.all()] == [kept]
    kept.upload.delete()


def test_site_that_answers_otherwise_is_found_out(picture_folder):
    with (
        site_showing(result(*CLASS_NAMES)) as url,
        pytest.raises(CommandError, match="The site does not answer as it was evaluated: more than 1e-05 apart"),
    ):
        check("--data-dir", picture_folder, "--count", 2, "--url", url)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (result("rose", "tulip"), "Another model answered: there is no class 'airplane' in its answer"),
        ("<p>An error</p>", r"shows no result for 0\.png"),
    ],
)
def test_page_that_shows_something_else_is_an_error(picture_folder, page, message):
    with site_showing(page) as url, pytest.raises(CommandError, match=message):
        check("--data-dir", picture_folder, "--url", url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://127.0.0.1:port", "nowhere", "localhost:8000"])
def test_address_where_no_site_is_is_an_error(picture_folder, url):
    with pytest.raises(CommandError, match=f"{url}/? did not answer as it should"):
        check("--data-dir", picture_folder, "--url", url)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer as it should"),
        (http_answer(b"<p>Another site</p>"), "The first page has no upload form"),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", "did not answer as it should: .*503"),
    ],
)
def test_what_is_no_such_site_is_an_error(picture_folder, answer, message):
    with web_server(answer) as (url, _requested), pytest.raises(CommandError, match=message):
        check("--data-dir", picture_folder, "--url", url)


def test_data_set_of_other_classes_is_refused(tmp_path):
    with pytest.raises(CommandError, match=r"The data set.s classes are rose, tulip; the model knows airplane, "):
        check("--data-dir", pictures(tmp_path / "garden", ["rose", "tulip"]))


@pytest.mark.parametrize("count", [0, -5])
def test_less_than_one_image_is_no_check(picture_folder, count):
    with pytest.raises(CommandError, match="--count must be at least 1"):
        check("--data-dir", picture_folder, "--count", count)


def test_without_an_active_model_or_data_it_says_so(tmp_path):
    with pytest.raises(CommandError, match="There is no data set in"):
        check("--data-dir", tmp_path / "nowhere")
    ModelVersion.objects.update(active=False)
    with pytest.raises(CommandError, match="No model is active"):
        check()
