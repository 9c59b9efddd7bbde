"""What an API request may say, where it may say it, and in whose words it is told what is wrong."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.models import Prediction, Upload
from classifier.services.operations.storage import Reason, StorageUnavailable
from classifier.services.predictions import submission
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.factories import image_file, make_prediction

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(user) -> Client:
    return program(user)


def send(api: Client, address: str, *, query: str = "", **fields):
    images = {"image": image_file()} if address == PREDICTIONS else {"images": [image_file()]}
    return api.post(f"{address}?{query}", images | fields)


def error_of(response, status: int = 400) -> tuple[str, str]:
    (error,) = problem_of(response, status)["errors"]
    return error["field"], error["code"]


@pytest.mark.parametrize("address", [PREDICTIONS, BATCH])
def test_fields_may_stand_in_the_address_and_the_form_has_the_last_word(api, address):
    assert send(api, address, query="keep=0").status_code == 200
    assert Prediction.objects.count() == 0
    assert error_of(send(api, address, query="model=nope", model="student_cnn")) == ("model", "no_such_model")
    send(api, address, query="keep=0", keep="7")
    assert Upload.objects.get().expires_at is not None


@pytest.mark.parametrize("address", [PREDICTIONS, BATCH])
def test_name_that_does_not_exist_is_refused(api, address):
    for response in (send(api, address, query="kep=0"), send(api, address, kep="0")):
        assert error_of(response) == ("kep", "unknown")
        assert "keep" in response.json()["detail"]
    assert not Prediction.objects.exists()


def test_unknown_filter_is_refused(api):
    response = api.get(PREDICTIONS, {"stat": "wrong"})
    assert error_of(response) == ("stat", "unknown")
    assert "state" in response.json()["detail"]


def test_form_of_a_page_may_have_its_csrf_token(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    client.get("/accounts/password/")
    token = client.cookies["csrftoken"].value
    for address in (PREDICTIONS, BATCH):
        assert send(client, address, csrfmiddlewaretoken=token).status_code in (200, 201)
    assert Prediction.objects.count() == 2


def test_repeated_field_is_refused(api):
    twice = api.post(PREDICTIONS, {"image": [image_file(), image_file()]})
    assert error_of(twice) == ("image", "repeated")
    assert error_of(send(api, BATCH, keep=["1", "7"])) == ("keep", "repeated")
    assert error_of(api.get(f"{PREDICTIONS}?state=wrong&state=right")) == ("state", "repeated")


def test_invalid_batch_is_refused_with_the_reason(api):
    nothing = api.post(BATCH, {"keep": "1"})
    assert error_of(nothing) == ("images", "required")
    assert "“images”" in nothing.json()["detail"]
    assert error_of(api.post(BATCH, {"image": image_file()})) == ("image", "unknown")
    assert error_of(api.post(BATCH, {"images": [image_file(), "a text"]})) == ("images", "not_a_file")


def test_words_are_the_sites_own_in_every_language(api, user):
    session = Client(enforce_csrf_checks=True)
    session.force_login(user)
    correction = f"{PREDICTIONS}{make_prediction(user).pk}/correction/"

    def put(content: str):
        return api.put(correction, content, content_type="application/json")

    texts = {
        "csrf": problem_of(session.post(PREDICTIONS, {"image": image_file()}), 403),
        "many": problem_of(api.post(BATCH, {"images": [image_file(content=b"x") for _ in range(33)]}), 400),
        "json": problem_of(put("{"), 400),
        "form": problem_of(api.post(PREDICTIONS, b"x", content_type="multipart/form-data"), 400),
        "null": problem_of(put("null"), 400),
        "surrogate": problem_of(put('{"label": "\\ud800"}'), 400),
        "object": problem_of(put('{"label": {}}'), 400),
        "file": problem_of(send(api, PREDICTIONS, model=SimpleUploadedFile("a", b"b")), 400),
    }
    details = {name: problem["detail"] for name, problem in texts.items()}
    english_of_others = "CSRF Failed|Ensure this|parse error|No data provided|Surrogate|Not a valid string"
    assert {name: text for name, text in details.items() if re.search(english_of_others, text)} == {}
    assert "32" in details["many"]
    assert texts["null"]["errors"][0]["field"] == "label"


def test_batch_that_was_cut_short_does_not_say_that_nothing_was_kept(api, monkeypatch):
    images = [image_file("one.jpg"), image_file("two.jpg")]
    whole, read_image = [], submission.read_image

    def fill_the_disk(file):
        if whole:
            raise StorageUnavailable(Reason.FULL, "on purpose")
        whole.append(file)
        return read_image(file)

    monkeypatch.setattr(submission, "read_image", fill_the_disk)
    detail = problem_of(api.post(BATCH, {"images": images}, headers={"Idempotency-Key": "one"}), 503)["detail"]
    assert Prediction.objects.count() == 1
    assert "was not saved" not in detail
    assert "Idempotency-Key" in detail
