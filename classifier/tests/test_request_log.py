"""Every request is one line of the log with a number that its answer has too, and nothing of what was sent."""

import datetime
import json
import logging
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from classifier.models import ModelVersion
from classifier.tests.api import PREDICTIONS, program
from classifier.tests.factories import image_file
from classifier.views import export, home
from classifier.web.request_ids import current_request_id

#: How a line is written, "json" or "text".
formatter = settings.LOGGING["formatters"]["line"]["()"]
LINE = "classifier.web.observation"


@pytest.fixture
def lines(caplog) -> Iterator[list[dict]]:
    """What the log says of requests, as it is written under a server."""
    written = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(self.format(record)))

    handler = Keep()
    handler.setFormatter(formatter("json"))
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.INFO)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
def test_request_is_one_line_with_its_pattern_and_no_number_of_anything(lines, user, user_client):
    page = user_client.get("/predictions/0e3c2a6e-5f0c-4d0e-8f52-6f1c1b7f2a10/?token=secret")
    (line,) = lines
    assert line["request_id"] == page["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", line["request_id"])
    assert (line["level"], line["method"], line["status"]) == ("INFO", "GET", 404)
    assert line["route"] == "/predictions/<uuid:prediction_id>/"
    assert (line["user_id"], line["bytes"]) == (user.pk, len(page.content))
    assert 0 < line["milliseconds"] < 60_000
    written = datetime.datetime.fromisoformat(line["time"])
    assert abs(datetime.datetime.now(datetime.UTC) - written) < datetime.timedelta(minutes=1)
    assert current_request_id() == ""


@pytest.mark.django_db
def test_line_of_a_person_or_a_program_holds_nothing_of_what_was_sent(lines, user, user_client):
    user_client.get("/olena@example.org?next=olena@example.org", headers={"User-Agent": "olena@example.org"})
    user_client.post("/", {"image": image_file("olena at the beach.jpg")}, REMOTE_ADDR="192.0.2.77")
    api = program(user)
    api.post(PREDICTIONS, {"image": image_file("olena at the beach.jpg")}, REMOTE_ADDR="2001:db8::77")
    text = json.dumps(lines)
    secrets = ["example.org", "beach", "192.0.2.77", "2001:db8", user_client.session.session_key, "JFIF", "cifar_"]
    assert [secret for secret in secrets if secret in text] == []
    assert [line["route"] for line in lines if line["logger"] == LINE] == ["unknown", "/", "/api/v1/predictions/"]
    assert lines[-1]["user_id"] == user.pk


SENT = "https://evil.example/?token=SECRET&mail=olena@example.org does not match"
NUMBER = "0e3c2a6e-5f0c-4d0e-8f52-6f1c1b7f2a10"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Referer": SENT}, "Referer checking failed - it does not match any trusted origins."),
        ({"Origin": SENT}, "Origin checking failed - it does not match any trusted origins."),
        ({"Referer": "SECRET"}, "Referer checking failed - Referer is malformed."),
        ({}, "Referer checking failed - no Referer."),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_refused_form_is_logged_without_what_was_sent_and_without_a_number(caplog, headers, said, log_format):
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/predictions/{NUMBER}/correction/", secure=True, headers=headers).status_code == 403
    (record,) = [record for record in caplog.records if record.name == "django.security.csrf"]
    written = formatter(log_format).format(record)
    assert f"Forbidden ({said}): /predictions/<uuid:prediction_id>/correction/" in written
    assert [secret for secret in ("SECRET", "example", "olena", NUMBER) if secret in written] == []


@pytest.mark.django_db
def test_suspicious_operation_is_logged_by_its_name(lines, monkeypatch, client):
    def suspect(*_arguments, **_options):
        raise SuspiciousOperation(f"{SENT} of {NUMBER}")

    monkeypatch.setattr(home, "known_classes", suspect)
    assert client.get("/?token=SECRET").status_code == 400
    trouble, line = lines
    assert (trouble["message"], line["status"]) == ("SuspiciousOperation: /", 400)
    assert "exc_info" not in trouble


@pytest.mark.django_db
def test_fault_is_logged_with_its_cause_under_the_pattern_of_its_address(lines, monkeypatch):
    client = Client(raise_request_exception=False)
    monkeypatch.setattr("classifier.views.history.own_prediction", lambda *_args: 1 / 0)
    assert client.get(f"/predictions/{NUMBER}/?token=SECRET").status_code == 500
    trouble, _line = lines
    assert trouble["message"] == "Internal Server Error: /predictions/<uuid:prediction_id>/"
    assert "ZeroDivisionError" in trouble["exc_info"]
    assert [secret for secret in ("SECRET", NUMBER) if secret in json.dumps(lines)] == []


@pytest.mark.django_db
def test_other_lines_of_a_request_have_its_number(lines, client):
    ModelVersion.objects.update(active=False)
    page = client.post("/", {"image": image_file()})
    trouble, line = lines
    assert (trouble["level"], line["status"]) == ("ERROR", 503)
    assert trouble["request_id"] == line["request_id"] == page["X-Request-ID"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("behind_proxy", "given", "is_taken"),
    [
        (True, "4bf92f35-77b3.4da6_a3ce", True),
        (False, "4bf92f35-77b3.4da6_a3ce", False),
        (True, "short", False),
        (True, "x" * 65, False),
        (True, 'forged" level="ERROR', False),
        (True, "olena@example.org", False),
    ],
)
def test_number_of_a_proxy_is_taken_if_there_is_one_and_it_is_sane(settings, client, behind_proxy, given, is_taken):
    settings.BEHIND_PROXY = behind_proxy
    number = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (number == given) is is_taken
    assert is_taken or re.fullmatch("[0-9a-f]{32}", number)


def fail(number: int, client: Client, monkeypatch, settings):
    if number == 400:
        return client.get("/", headers={"Host": "two words"})
    if number == 403:
        return Client(enforce_csrf_checks=True).post("/")
    if number == 404:
        return client.get("/nothing/here")
    if number == 429:
        settings.THROTTLES = {"sign_in_address": "1/minute"}
        client.post("/accounts/sign-in/")
        return client.post("/accounts/sign-in/")
    if number == 500:
        monkeypatch.setattr(home, "known_classes", lambda *_args, **_options: 1 / 0)
        return Client(raise_request_exception=False).get("/")
    ModelVersion.objects.update(active=False)
    return client.post("/", {"image": image_file()})


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_page_of_an_error_shows_its_number(client, monkeypatch, settings, status):
    page = fail(status, client, monkeypatch, settings)
    assert page.status_code == status
    assert f"data-request-id>{page['X-Request-ID']}<" in page.text


@pytest.mark.django_db
def test_problem_of_a_program_has_its_number(monkeypatch, settings):
    settings.THROTTLES = {"api_address": "3/minute"}
    client = Client(headers={"Accept": "application/json"}, raise_request_exception=False)
    answers = [client.get(f"/api/{path}") for path in ("v1/me/", "nothing/", "v1/predictions/", "v1/me/")]
    monkeypatch.setattr(home, "known_classes", lambda *_args, **_options: 1 / 0)
    answers.append(client.get("/"))
    ModelVersion.objects.update(active=False)
    answers.append(client.post("/", {"image": image_file()}))
    assert [answer.status_code for answer in answers] == [401, 404, 401, 429, 500, 503]
    for answer in answers:
        assert answer.json()["request_id"] == answer["X-Request-ID"]


@pytest.mark.django_db
def test_download_is_a_line_with_its_size_when_it_is_over(lines, user_client):
    answer = user_client.get("/history/predictions.csv")
    assert lines == []
    content = b"".join(answer.streaming_content)
    answer.close()
    (line,) = lines
    assert (line["bytes"], line["request_id"]) == (len(content), answer["X-Request-ID"])


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_nothing_that_is_logged_makes_a_line_of_its_own(log_format):
    forged = 'name\r\n{"level": "ERROR", "message": "forged"}\x1b[2K\u2028\x85 \u202e'
    try:
        raise ValueError(forged)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "Said: %s", (forged,), (ValueError, error, None))
    written = formatter(log_format).format(record)
    assert written.isprintable() or log_format == "text"
    assert not re.search("[\x1b\x85\u2028\u202e\r]", written.partition("\n")[0])
    for line in written.splitlines()[1:]:
        assert line.startswith("    ")
    if log_format == "json":
        assert json.loads(written)["message"] == f"Said: {forged}"


def test_extra_attributes_of_a_record_are_not_logged(rf):
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "done", (), None)
    record.request, record.password = rf.get("/?token=secret"), "secret"
    assert set(json.loads(formatter("json").format(record))) == {"time", "level", "logger", "message"}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/history/predictions.zip", "/history/", "/nothing/"])
def test_head_makes_no_download_and_hands_the_server_no_body(lines, monkeypatch, rf, user_client, address):
    made = []

    def blocks(*_arguments):
        made.append(1)
        yield b"block"

    monkeypatch.setattr(export, "zip_blocks", blocks)
    cookie = "; ".join(f"{name}={one.value}" for name, one in user_client.cookies.items())
    # The client of the tests would leave the body out by itself.
    answer = WSGIHandler().get_response(rf.head(address, headers={"Cookie": cookie}))
    assert (b"".join(answer), made) == (b"", [])
    assert answer.status_code == (404 if "nothing" in address else 200)
    assert address.endswith("zip") or int(answer["Content-Length"]) > 1000
    (line,) = lines
    assert (line["method"], line["bytes"], line["status"]) == ("HEAD", 0, answer.status_code)


def test_static_files_are_neither_counted_nor_numbered(lines, client):
    assert "X-Request-ID" not in client.get("/static/nothing.css")
    assert [line for line in lines if line["logger"] == LINE] == []
