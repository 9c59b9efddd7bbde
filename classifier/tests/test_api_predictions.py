"""Predictions over the API: made, kept, listed, read, corrected and deleted; each person's own."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.dateparse import parse_datetime

from classifier.models import ModelVersion, Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.factories import (
    another_model,
    certain_model,
    damage,
    doubtful_model,
    image_bytes,
    image_file,
    make_prediction,
    make_user,
)

pytestmark = pytest.mark.django_db

CORRECTED = "correction/"


@pytest.fixture
def api(user) -> Client:
    return program(user)


def address(prediction: Prediction) -> str:
    return f"{PREDICTIONS}{prediction.pk}/"


def create(api: Client, **fields) -> dict:
    response = api.post(PREDICTIONS, {"image": image_file(), **fields})
    assert response.status_code == 201, response.content
    return response.json()


def put(api: Client, prediction: Prediction, label: str):
    return api.put(f"{address(prediction)}{CORRECTED}", {"label": label}, content_type="application/json")


def listed(api: Client, **query) -> list[str]:
    response = api.get(PREDICTIONS, query)
    assert response.status_code == 200, response.content
    return [one["id"] for one in response.json()["results"]]


def test_image_of_a_form_is_classified_and_kept_as_the_page_does(api, user, tmp_path, stored_files):
    publish(folder=certain_model(tmp_path / "certain"), activate=True)
    response = api.post(PREDICTIONS, {"image": image_file("my cat.jpg")})
    prediction = Prediction.objects.get()
    answer = response.json()
    assert response.status_code == 201
    assert response["Location"] == answer["url"] == f"http://testserver{address(prediction)}"
    assert answer["id"] == str(prediction.pk)
    assert (answer["answer"], answer["predicted_class"]) == (prediction.answer, prediction.predicted_class)
    assert answer["probabilities"] == pytest.approx(dict(prediction.ranking))
    assert next(iter(answer["probabilities"])) == prediction.predicted_class
    assert answer["confidence"] == pytest.approx(max(answer["probabilities"].values()))
    assert answer["model"] == "certain@1"
    assert answer["upload"]["name"] == "my cat.jpg"
    assert (answer["upload"]["width"], answer["upload"]["height"]) == (150, 100)
    assert answer["expires_at"] is None
    assert prediction.upload.owner == user
    assert len(stored_files()) == 2
    assert Client().get(answer["page"]).status_code == 404


@pytest.mark.parametrize(("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/*")])
def test_image_as_the_whole_body_is_the_same(api, kind, content_type):
    content = image_bytes(kind)
    response = api.post(f"{PREDICTIONS}?keep=7", content, content_type=content_type)
    assert response.status_code == 201
    upload = Upload.objects.get()
    assert upload.file.read() == content
    assert upload.format == kind
    assert upload.expires_at is not None


def test_whole_body_has_its_name_in_a_header(api):
    headers = {"Content-Disposition": 'attachment; filename="..\\cat.jpg"'}
    api.post(PREDICTIONS, image_bytes(), content_type="image/jpeg", headers=headers)
    assert Upload.objects.get().original_name == "cat.jpg"


def test_time_to_be_kept_is_that_of_the_pages(api):
    answer = create(api, keep="7")
    kept = parse_datetime(answer["expires_at"]) - parse_datetime(answer["created_at"])
    assert kept == pytest.approx(timedelta(days=7), abs=timedelta(minutes=1))
    assert problem_of(api.post(PREDICTIONS, {"image": image_file(), "keep": "8"}), 400)["errors"][0]["field"] == "keep"


def test_image_that_is_not_kept_is_classified_and_not_stored(api, stored_files):
    response = api.post(PREDICTIONS, {"image": image_file(), "keep": "0"}, headers={"Idempotency-Key": "one"})
    answer = response.json()
    assert response.status_code == 200
    assert (answer["id"], answer["url"], answer["page"], answer["created_at"]) == (None, None, None, None)
    assert answer["answer"]
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_named_model_answers_in_the_place_of_the_active_one(api, tmp_path):
    for name in ("first", "second"):
        publish(
            folder=another_model(tmp_path / name, "other", calibration={"temperature": 2.0 if name == "first" else 9})
        )
    shares = {name: create(api, model=name)["confidence"] for name in ("other", "other@1", "student_cnn")}
    assert [str(one.model_version) for one in Prediction.objects.order_by("created_at")] == [
        "other v2",
        "other v1",
        "student_cnn v1",
    ]
    assert shares["other"] < shares["other@1"] < shares["student_cnn"]
    assert ModelVersion.objects.get(active=True).name == "student_cnn"


@pytest.mark.parametrize("name", ["nobody", "student_cnn@2", "student_cnn@²", "@", "student_cnn@99999999999999999999"])
def test_model_that_does_not_exist_is_refused(api, name):
    (error,) = problem_of(api.post(PREDICTIONS, {"image": image_file(), "model": name}), 400)["errors"]
    assert (error["field"], error["code"]) == ("model", "no_such_model")
    assert not Upload.objects.exists()


def test_named_model_whose_files_are_damaged_cannot_answer_for_now(api, tmp_path):
    folder = another_model(tmp_path / "other")
    publish(folder=folder)
    damage(folder)
    problem_of(api.post(PREDICTIONS, {"image": image_file(), "model": "other"}), 503)


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (b"", "empty_file", 400),
        (b"This is no photograph.", "text_file", 400),
        (image_bytes("BMP", width=700, height=500), "file_too_large", 413),
    ],
)
def test_image_is_refused_in_the_words_of_the_page(api, client, settings, content, code, status, stored_files):
    settings.MAX_UPLOAD_MEGABYTES = 1
    problem = problem_of(api.post(PREDICTIONS, {"image": image_file(content=content)}), status)
    (error,) = problem["errors"]
    assert (error["field"], error["code"]) == ("image", code)
    assert problem["detail"] == error["detail"]
    assert problem["type"].endswith("#invalid")
    page = client.post("/", {"image": image_file(content=content)}, headers={"HX-Request": "true"})
    assert error["detail"] in page.text
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_errors_are_in_the_language_that_is_asked_for(api):
    answers = {}
    for language in ("en", "uk"):
        headers = {"Accept-Language": language}
        sent = api.post(PREDICTIONS, {"image": image_file(content=b"")}, headers=headers)
        answers[language] = problem_of(sent, 400)
    assert answers["en"]["errors"][0]["detail"] == "The file is empty. Choose another one."
    assert answers["uk"]["errors"][0]["detail"].startswith("Файл порожній")
    assert answers["en"]["errors"][0]["code"] == answers["uk"]["errors"][0]["code"]


def test_body_that_is_no_image_or_form_is_not_accepted(api):
    problem_of(api.post(PREDICTIONS, {"image": "x"}, content_type="application/json"), 415)
    assert problem_of(api.post(PREDICTIONS, {"image": "a text"}), 400)["errors"][0]["code"] == "invalid"
    assert problem_of(api.post(PREDICTIONS), 400)["errors"][0]["code"] == "required"


def test_abstaining_is_an_answer(api, tmp_path):
    publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)
    answer = create(api)
    assert (answer["abstained"], answer["answer"], answer["answer_label"]) == (True, "none", "None of the classes")
    assert listed(api, answer="none") == [answer["id"]]


def test_batch_has_a_result_or_a_problem_for_each_image(api, stored_files):
    files = [image_file("one.jpg"), image_file("two.txt", b"text"), image_file("three.png", image_bytes("PNG", seed=3))]
    response = api.post(BATCH, {"images": files, "keep": "1"})
    results = response.json()["results"]
    assert response.status_code == 200
    assert [one["name"] for one in results] == ["one.jpg", "two.txt", "three.png"]
    assert [one["prediction"] is None for one in results] == [False, True, False]
    assert results[1]["problem"]["errors"][0]["code"] == "text_file"
    assert [one["problem"] is None for one in results] == [True, False, True]
    assert {one["prediction"]["id"] for one in results if one["prediction"]} == {
        str(one.pk) for one in Prediction.objects.all()
    }
    assert Upload.objects.filter(expires_at=None).count() == 0
    assert len(stored_files()) == 4


def test_batch_that_is_not_to_be_kept_leaves_nothing(api, stored_files):
    results = api.post(BATCH, {"images": [image_file(), image_file()], "keep": "0"}).json()["results"]
    assert [one["prediction"]["id"] for one in results] == [None, None]
    assert stored_files() == []


@pytest.mark.parametrize("count", [0, 33, 101])
def test_batch_of_none_or_too_many_is_refused(api, count):
    files = [image_file(content=b"x") for _ in range(count)]
    problem_of(api.post(BATCH, {"images": files} if files else {"keep": "1"}), 400)


def test_list_is_the_persons_own_and_finds_what_the_history_finds(api, user):
    cat = make_prediction(user, predicted_class="cat", confidence=0.9, abstained=False, name="Pussy.jpg")
    dog = make_prediction(user, predicted_class="dog", confidence=0.4, abstained=False, was_right=False)
    make_prediction(make_user("taras"))
    both = [str(dog.pk), str(cat.pk)]
    assert listed(api) == both
    for query, wanted in (
        ({"answer": "cat"}, [str(cat.pk)]),
        ({"lowest": "0.5"}, [str(cat.pk)]),
        ({"highest": "0.5"}, [str(dog.pk)]),
        ({"name": "pussy"}, [str(cat.pk)]),
        ({"state": "wrong"}, [str(dog.pk)]),
        ({"model": "student_cnn"}, both),
        ({"since": "2999-01-01"}, []),
        ({"until": "2999-01-01"}, both),
        ({"since": "0001-01-01", "until": "9999-12-31"}, both),
        ({"since": "9999-12-31"}, []),
        ({"until": "0001-01-01"}, []),
        ({"order": "surest"}, both[::-1]),
    ):
        assert listed(api, **query) == wanted, query


@pytest.mark.parametrize("order", ["newest", "oldest", "surest", "least_sure"])
def test_pages_lead_through_the_whole_list_and_back(api, user, order):
    for seed in range(5):
        make_prediction(user, seed=seed)
    whole = listed(api, order=order)
    page = api.get(PREDICTIONS, {"order": order, "size": 2}).json()
    pages = [page]
    while page["next"]:
        page = api.get(page["next"]).json()
        pages.append(page)
    assert [one["id"] for page in pages for one in page["results"]] == whole
    assert len(pages) == 3
    assert pages[0]["previous"] is None
    assert api.get(pages[2]["previous"]).json()["results"] == pages[1]["results"]


@pytest.mark.parametrize(
    "query",
    [
        {"size": "0"},
        {"size": "101"},
        {"since": "yesterday"},
        {"since": ""},
        {"model": ""},
        {"lowest": "nan"},
        {"state": "odd"},
        {"model": "nobody"},
        {"name": "\0"},
    ],
)
def test_query_that_makes_no_sense_is_refused(api, query):
    assert problem_of(api.get(PREDICTIONS, query), 400)["errors"][0]["field"] in query


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": f"2026-12-01T10:00:00_{uuid4()}"},
        {"after": f"0001-01-01T00:00:00+14:00_{uuid4()}"},
        {"before": f"nan_{uuid4()}", "order": "surest"},
    ],
)
def test_place_in_the_list_that_no_page_gave_out_is_not_found(api, client, query):
    problem_of(api.get(PREDICTIONS, query), 404)
    assert client.get("/history/", query).status_code == 404


def test_own_prediction_is_read_corrected_and_deleted(api, user, stored_files, django_capture_on_commit_callbacks):
    prediction = make_prediction(user, predicted_class="cat", abstained=False)
    assert api.get(address(prediction)).json()["corrected_class"] is None
    corrected = put(api, prediction, "dog").json()
    assert (corrected["corrected_class"], corrected["was_right"]) == ("dog", False)
    assert prediction.corrections.get().user == user
    assert put(api, prediction, "cat").json()["was_right"] is True
    undone = api.delete(f"{address(prediction)}{CORRECTED}").json()
    assert (undone["corrected_class"], undone["was_right"]) == ("dog", False)
    assert api.delete(f"{address(prediction)}{CORRECTED}").json()["was_right"] is None
    assert problem_of(api.delete(f"{address(prediction)}{CORRECTED}"), 404)["detail"] == "There is nothing to undo."
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(address(prediction)).status_code == 204
    problem_of(api.get(address(prediction)), 404)
    assert stored_files() == []


def test_class_that_the_model_lacks_is_refused(api, user):
    (error,) = problem_of(put(api, make_prediction(user), "unicorn"), 400)["errors"]
    assert error["detail"] == "The model does not have this class. Choose one of the classes shown."


def test_prediction_of_somebody_else_is_as_none_at_all(api):
    prediction, nothing = make_prediction(make_user("taras")), Prediction(pk=uuid4())
    for one in (prediction, nothing):
        for response in (
            api.get(address(one)),
            api.delete(address(one)),
            put(api, one, "dog"),
            api.delete(f"{address(one)}{CORRECTED}"),
        ):
            assert problem_of(response, 404)["title"] == "Not found"
    prediction.refresh_from_db()
    assert prediction.corrected_class == ""


def test_prediction_of_an_anonymous_visitor_is_not_found(api):
    problem_of(api.get(address(make_prediction(visitor=uuid4()))), 404)
