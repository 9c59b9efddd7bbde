"""What the upload page says to its script, submissions that arrive twice, and the examples."""

from uuid import uuid4

import pytest
from django.test import Client

from classifier.models import ModelVersion, Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.services.people.ownership import Owner
from classifier.services.predictions import submission
from classifier.services.predictions.example_images import EXAMPLES, EXAMPLES_FOLDER, example_file
from classifier.services.predictions.intake import read_image
from classifier.services.predictions.submission import submit
from classifier.tests.factories import BASE_DIR, certain_model, doubtful_model, image_bytes, image_file
from classifier.tests.pages import elements, result_of
from ml.serving.inference import LoadedModel

SCRIPT = {"hx-request": "true"}
#: With a limit of 1 MB.
REFUSALS = {
    "text": (b"This is no photograph.", 400, "This is a text file"),
    "too many bytes": (image_bytes("BMP", width=700, height=500), 413, "larger than 1 MB"),
}

pytestmark = pytest.mark.django_db


def send(client, *, content: bytes | None = None, **fields):
    return client.post("/", {"image": image_file(content=content), **fields}, headers=SCRIPT)


def test_script_gets_the_answer_alone(client, tmp_path):
    publish(folder=certain_model(tmp_path / "certain"), activate=True)
    row, prediction = send(client), Prediction.objects.get()
    result = result_of(row)
    assert row.status_code == 200
    assert "<html" not in row.text
    assert result["href"] == f"/predictions/{prediction.pk}/"
    assert (result["data-prediction"], result["data-class"]) == (str(prediction.pk), prediction.predicted_class)
    assert f"{100 * prediction.confidence:.1f}%" in row.text
    assert client.get(result["data-thumbnail"]).status_code == 200


def test_script_learns_that_the_model_abstains(client, tmp_path):
    publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)
    row = send(client)
    assert result_of(row)["data-abstained"] == "true"
    assert "No answer" in row.text
    assert f"Closest match: {Prediction.objects.get().predicted_class}" in row.text


@pytest.mark.parametrize("kind", REFUSALS)
def test_script_gets_the_reason_with_its_status(client, settings, stored_files, kind):
    settings.MAX_UPLOAD_MEGABYTES = 1
    content, status, message = REFUSALS[kind]
    row = send(client, content=content)
    assert row.status_code == status
    assert message in row.text
    assert len(elements(row, "data-upload-answer")) == 1
    assert "<html" not in row.text
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_script_learns_that_no_model_is_available(client):
    ModelVersion.objects.update(active=False)
    row = send(client)
    assert row.status_code == 503
    assert "No model is available at the moment" in row.text
    assert len(elements(row, "data-upload-answer")) == 1


def test_page_knows_whether_a_visitor_has_been_given_a_number(client):
    assert elements(client.get("/"), "data-is-known")[0]["data-is-known"] == "false"
    send(client)
    assert elements(client.get("/"), "data-is-known")[0]["data-is-known"] == "true"


def test_submission_that_arrives_twice_is_kept_once(client, stored_files):
    number = uuid4().hex
    first, second = (result_of(send(client, submission=number)) for _ in range(2))
    assert first == second
    assert (Prediction.objects.count(), Upload.objects.count(), len(stored_files())) == (1, 1, 2)


def test_form_that_is_sent_again_is_kept_once(client):
    (number,) = {field["value"] for field in elements(client.get("/"), "id") if field["id"] == "id_submission"}
    first, second = (client.post("/", {"image": image_file(), "submission": number}, follow=True) for _ in range(2))
    assert result_of(first) == result_of(second)
    assert Prediction.objects.count() == 1


def visit() -> tuple[Client, dict]:
    """A browser that has never been here, with the page open; the fields of its form."""
    client = Client(enforce_csrf_checks=True)
    values = elements(client.get("/"), "value")
    names = ("csrfmiddlewaretoken", "submission")
    return client, {name: next(tag["value"] for tag in values if tag.get("name") == name) for name in names}


def test_first_upload_with_a_lost_response_is_stored_once_and_reachable(stored_files):
    client, fields = visit()
    first = result_of(send(client, **fields))["data-prediction"]
    # With the answer, the cookie of the session was lost.
    del client.cookies["sessionid"]
    assert result_of(send(client, **fields))["data-prediction"] == first
    assert Upload.objects.count() == 1
    assert len(stored_files()) == 2
    assert client.get(f"/predictions/{first}/").status_code == 200


def test_another_browser_does_not_become_a_visitor_by_the_submission_id():
    client, fields = visit()
    first = result_of(send(client, **fields))["data-prediction"]
    stranger, own = visit()
    second = result_of(send(stranger, **own | {"submission": fields["submission"]}))["data-prediction"]
    assert second != first
    assert stranger.get(f"/predictions/{first}/").status_code == 404


def test_other_content_under_the_same_number_is_another_submission(client):
    number = uuid4().hex
    send(client, submission=number)
    send(client, content=image_bytes(seed=1), submission=number)
    assert Upload.objects.values("sha256").distinct().count() == 2


def test_same_content_under_another_number_is_another_submission(client):
    for _ in range(2):
        send(client, submission=uuid4().hex)
    assert Prediction.objects.count() == 2


def test_number_of_somebody_else_is_no_way_to_that_persons_prediction(client, user_client):
    number = uuid4().hex
    first, second = (result_of(send(one, submission=number)) for one in (client, user_client))
    assert first["data-prediction"] != second["data-prediction"]
    assert client.get(second["href"]).status_code == 404


def test_submission_that_is_kept_is_not_classified_again(monkeypatch, user):
    submitted = {"owner": Owner(user=user), "submission": uuid4()}
    first = submit(file=example_file("ship"), **submitted)
    monkeypatch.setattr(submission, "classify", None)
    assert submit(file=example_file("ship"), **submitted) == first


def test_submission_that_arrives_twice_at_once_is_kept_once(monkeypatch, user, stored_files):
    classify = submission.classify
    faster: list[Prediction] = []

    def overtaken(**arguments):
        faster.append(classify(**arguments))
        return classify(**arguments)

    monkeypatch.setattr(submission, "classify", overtaken)
    prediction = submit(file=example_file("ship"), owner=Owner(user=user), submission=uuid4())
    assert [prediction] == faster
    assert (Prediction.objects.count(), Upload.objects.count(), len(stored_files())) == (1, 1, 2)


def test_number_that_is_none_is_refused(client):
    assert send(client, submission="one").status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_classified_and_kept_as_an_upload(client, name, stored_files):
    assert name in {button.get("value") for button in elements(client.get("/"), "name")}
    page = client.post("/", {"example": name}, follow=True)
    assert page.status_code == 200
    upload = Upload.objects.get()
    assert result_of(page)["data-prediction"] == str(upload.predictions.get().pk)
    assert upload.original_name == f"{name}.jpg"
    assert upload.file.read() == (EXAMPLES_FOLDER / f"{name}.jpg").read_bytes()
    assert len(stored_files()) == 2


@pytest.mark.parametrize("name", ["", "unicorn", "../icon", "../../../../tests/ship"])
def test_unknown_example_is_refused(client, name, stored_files):
    page = client.post("/", {"example": name}, follow=True)
    assert page.status_code == 400
    alerts = [element["class"] for element in elements(page, "role") if element["role"] == "alert"]
    assert [names for names in alerts if "needs-scripts" not in names] == ["alert alert-danger"]
    assert (Upload.objects.count(), stored_files()) == (0, [])


@pytest.fixture(scope="module")
def shipped_duo() -> LoadedModel:
    return LoadedModel(BASE_DIR / "ml" / "trained" / "cifar10_duo", interpreters=1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_shipped_model_knows_what_an_example_is(shipped_duo, name):
    answers = shipped_duo.predict([shipped_duo.prepare(read_image(example_file(name)).decoded.picture)])
    best = shipped_duo.class_names[answers.best(shipped_duo.none_index)[0]]
    assert ("none" if answers.abstained[0] else best) == ("none" if name == "teapot" else name)
