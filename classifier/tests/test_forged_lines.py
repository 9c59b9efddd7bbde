"""Control characters in anything that a person sends reach neither the lines of the log nor the metrics."""

import copy
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from classifier.tests.api import PREDICTIONS, program
from classifier.tests.factories import image_file, make_prediction
from ml.tests.factories import encode, photograph

#: How a line is written, "json" or "text".
formatter = settings.LOGGING["formatters"]["line"]["()"]
#: Ends a line in one way or another, colours a terminal, rings, and turns the writing direction.
FORGED = 'x\r\n{"level": "ERROR", "message": "forged"}\x1b[31m\x07\x9b2K\x85\u2028\u202e\u2066y'
NOT_SHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: A header's value cannot hold all of it, or the server would not have read one.
IN_A_HEADER = FORGED.encode().decode("latin-1").replace("\r\n", "")
TOKEN = "the-token-of-the-metrics"


def image_that_says(text: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x0131] = exif[0x013B] = text.encode().decode("latin-1")
    return encode(photograph(), "JPEG", exif=exif, comment=text.encode())


def damaged_image_that_says(text: str) -> bytes:
    content = image_that_says(text)
    return content[: len(content) // 2]


Send = Callable[[Client, Client], object]
#: Who is signed in sends it from a page, or a program to the API.
PLACES: dict[str, Send] = {
    "file name": lambda page, _api: page.post("/", {"image": image_file(FORGED + ".jpg")}),
    "file name of no image": lambda page, _api: page.post("/", {"image": image_file(FORGED, b"no image")}),
    "file name, API": lambda _page, api: api.post(PREDICTIONS, {"image": image_file(FORGED + ".jpg")}),
    "file type": lambda page, _api: page.post("/", {"image": image_file(content_type=IN_A_HEADER)}),
    "EXIF and comment": lambda page, _api: page.post("/", {"image": image_file(content=image_that_says(FORGED))}),
    "EXIF, damaged": lambda page, _api: page.post("/", {"image": image_file(content=damaged_image_that_says(FORGED))}),
    "path": lambda page, _api: page.get(f"/{FORGED}/"),
    "path, API": lambda _page, api: api.get(f"{PREDICTIONS}{FORGED}/"),
    "query": lambda page, _api: page.get("/history/", {"q": FORGED, "page": FORGED, FORGED: FORGED}),
    "query, API": lambda _page, api: api.get(PREDICTIONS, {"cursor": FORGED, "class": FORGED}),
    "user agent": lambda page, _api: page.get("/", headers={"User-Agent": IN_A_HEADER}),
    "referer": lambda page, _api: page.get("/nothing/", headers={"Referer": IN_A_HEADER}),
    "language": lambda page, _api: page.get("/", headers={"Accept-Language": IN_A_HEADER}),
    "request ID": lambda page, _api: page.get("/", headers={"X-Request-ID": IN_A_HEADER}),
    "host": lambda page, _api: page.get("/", headers={"Host": IN_A_HEADER}),
    "cookie": lambda page, _api: page.get("/", headers={"Cookie": f"sessionid={IN_A_HEADER}"}),
    "token": lambda _page, api: api.get(PREDICTIONS, headers={"Authorization": f"Bearer {IN_A_HEADER}"}),
    "origin": lambda page, _api: Client(enforce_csrf_checks=True).post("/", {}, headers={"Origin": IN_A_HEADER}),
    "method": lambda page, _api: page.generic(IN_A_HEADER, "/"),
    "username": lambda page, _api: Client().post("/accounts/sign-in/", {"username": FORGED, "password": FORGED}),
    "class": lambda page, _api: page.post("/", {"image": image_file(), "model": FORGED, "keep": FORGED}),
    "model, API": lambda _page, api: api.post(PREDICTIONS, {"image": image_file(), "model": FORGED}),
}


@pytest.fixture
def written(caplog) -> Iterator[dict[str, list[str]]]:
    """All that the log says, in both of its formats."""
    found: dict[str, list[str]] = {"json": [], "text": []}

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            for name, lines in found.items():
                # A record keeps what the first formatter made of its exception.
                fresh = copy.copy(record)
                fresh.exc_text = None
                lines.append(formatter(name).format(fresh))

    handler = Keep()
    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


def assert_harmless(written: dict[str, list[str]]) -> None:
    for entry in written["json"]:
        assert entry.isprintable(), entry
        assert json.loads(entry)["message"]
    for entry in written["text"]:
        assert not NOT_SHOWN.search(entry), entry
        assert all(line.startswith("    ") for line in entry.splitlines()[1:]), entry


@pytest.mark.django_db
@pytest.mark.parametrize("place", PLACES)
def test_request_data_forges_no_log_line_and_no_label(place, settings, user, user_client, written):
    settings.METRICS_TOKEN = TOKEN
    # A form shows again what was sent, and HTML has no characters for some of it.
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("MarkupMiddleware")]
    user_client.raise_request_exception = False
    PLACES[place](user_client, program(user))
    assert written["json"]
    assert_harmless(written)
    metrics = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert not NOT_SHOWN.search(metrics)
    assert "forged" not in metrics


@pytest.mark.django_db
def test_class_of_a_corrected_prediction_forges_nothing(user, user_client, written):
    prediction = make_prediction(user)
    user_client.post(f"/predictions/{prediction.pk}/correction/", {"true_class": FORGED, "class": FORGED})
    assert_harmless(written)


@pytest.mark.django_db
def test_stored_name_forges_nothing_when_its_file_is_lost(user, user_client, written):
    prediction = make_prediction(user, name=FORGED + ".jpg")
    prediction.upload.file.storage.delete(prediction.upload.file.name)
    user_client.get(f"/uploads/{prediction.upload_id}/image")
    user_client.get(f"/predictions/{prediction.pk}/map.png")
    assert_harmless(written)


def test_exception_forges_nothing(written):
    try:
        try:
            raise ValueError(FORGED)
        except ValueError as error:
            raise OSError(FORGED) from error
    except OSError:
        logging.getLogger(FORGED).exception("Failed: %s", FORGED, stack_info=True)
    assert len(written["json"]) == 1
    assert_harmless(written)
