"""A classifier of one's own answers: on the upload page, in the history, in exports, corrections and jobs."""

import csv
import io
import json
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from classifier.models import Features, Job, ModelVersion, Prediction, Upload
from classifier.services.people.ownership import Owner
from classifier.services.predictions.again import classify_again
from classifier.services.predictions.classification import predict
from classifier.services.predictions.intake import read_image
from classifier.tests.classifiers import example_bytes, example_file, make_trained
from classifier.tests.factories import image_bytes, image_file, make_user
from classifier.tests.jobs import work, zip_file
from ml.serving.inference import Network

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(user) -> ModelVersion:
    return make_trained(Owner(user=user))


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """The networks that were run, by the digest of their graph."""
    found: list[str] = []
    run = Network.outputs

    def outputs(self, images):
        found.append(self.card.files["model.tflite"])
        return run(self, images)

    monkeypatch.setattr(Network, "outputs", outputs)
    return found


def upload(client: Client, version: ModelVersion | None, number: int = 77, **fields) -> Prediction:
    fields |= {"image": example_file("nuts", number), "classifier": version.classifier_id if version else ""}
    return predicted(client.post("/", fields))


def predicted(answer) -> Prediction:
    """The prediction that an answer leads to."""
    assert answer.status_code == 302, answer.content.decode()
    return Prediction.objects.select_related("model_version").get(pk=answer.url.split("/")[2])


def photograph():
    return image_file(content=image_bytes(width=640, height=480))


def again(client: Client, prediction: Prediction, version: ModelVersion | None):
    classifier = version.classifier_id if version else ""
    return client.post(f"/predictions/{prediction.pk}/again/", {"classifier": classifier})


def test_upload_page_offers_trained_classifiers_of_the_person_alone(version, user_client, client):
    page = user_client.get(f"/?classifier={version.classifier_id}")
    assert f'<option value="{version.classifier_id}" selected>fasteners v1</option>' in page.text
    assert 'name="classifier"' not in client.get("/").text


def test_own_classifier_answers_and_is_in_the_receipt(version, user_client):
    prediction = upload(user_client, version)
    assert (prediction.model_version, prediction.predicted_class) == (version, "nuts")
    page = user_client.get(f"/predictions/{prediction.pk}/").text
    assert f'href="/classifiers/{version.classifier_id}/versions/1/">fasteners v1</a>' in page
    assert version.digest in page
    height, width, _channels = version.card["input_shape"]
    assert f"{width} × {height} pixels" in page


def test_same_submission_to_another_model_is_another_prediction(version, user_client):
    submission = str(uuid4())
    first = upload(user_client, version, submission=submission)
    assert upload(user_client, version, submission=submission) == first
    assert upload(user_client, None, submission=submission) != first


def test_nothing_is_stored_if_it_is_not_to_be(version, user_client):
    before = Upload.objects.count()
    fields = {"image": example_file("nuts", 77), "keep": "0", "classifier": version.classifier_id}
    assert 'data-class="nuts"' in user_client.post("/", fields).text
    assert Upload.objects.count() == before


@pytest.mark.parametrize("chosen", ["nonsense", "00000000-0000-0000-0000-000000000000", "theirs"])
def test_classifier_of_nobody_or_of_another_is_refused(version, client, chosen):
    client.force_login(make_user("another"))
    chosen = version.classifier_id if chosen == "theirs" else chosen
    assert client.post("/", {"image": image_file(), "classifier": chosen}).status_code == 400
    assert not Prediction.objects.exists()
    archive = {"kind": "classify", "archive": zip_file({"a.png": example_bytes("nuts", 1)}), "classifier": chosen}
    assert client.post("/jobs/", archive).status_code == 400
    assert not Job.objects.exists()


def test_history_is_filtered_by_classifier_and_by_its_classes(version, user_client):
    mine, site = upload(user_client, version), upload(user_client, None, number=78)
    for query in (f"classifier={version.classifier_id}", "answer=nuts"):
        page = user_client.get(f"/history/?{query}").text
        assert f"/predictions/{mine.pk}/" in page
        assert f"/predictions/{site.pk}/" not in page
    table = b"".join(user_client.get(f"/history/predictions.csv?classifier={version.classifier_id}"))
    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig")))
    assert (row["id"], row["class"], row["model"]) == (str(mine.pk), "nuts", "fasteners@1")
    assert set(json.loads(row["probabilities"])) == {"bolts", "nuts"}


def test_exported_job_has_the_filter(version, user_client):
    upload(user_client, version)
    upload(user_client, None, number=78)
    search = {"kind": "export", "format": "csv", "query": f"classifier={version.classifier_id}"}
    answer = user_client.post("/jobs/", search)
    work()
    job = Job.objects.get(pk=answer.url.split("/")[2])
    assert len(list(csv.DictReader(io.StringIO(job.result.read().decode("utf-8-sig"))))) == 1


def test_correction_has_the_classes_of_the_classifier(version, user_client):
    prediction = upload(user_client, version)
    for label in ("bolts", "dog"):
        user_client.post(f"/predictions/{prediction.pk}/correction/", {"label": label})
        prediction.refresh_from_db()
        assert (prediction.corrected_class, prediction.was_right) == ("bolts", False)


def test_own_answer_is_explained(version, user_client):
    prediction = upload(user_client, version)
    assert "data-same" in user_client.get(f"/predictions/{prediction.pk}/explanation/").text
    assert user_client.get(f"/predictions/{prediction.pk}/seen.png").status_code == 200


def test_image_shown_to_the_model_and_to_heads_runs_the_backbone_once(version, user, user_client, runs):
    second = make_trained(Owner(user=user), name="others")
    runs.clear()
    prediction = predicted(user_client.post("/", {"image": photograph(), "classifier": ""}))
    for one in (version, second):
        found = predicted(again(user_client, prediction, one))
        assert (found.model_version, found.upload_id) == (one, prediction.upload_id)
    assert len(runs) == 1


def test_stored_features_give_the_same_answer(version, user, user_client):
    fresh, _ = predict(image=read_image(photograph()), owner=Owner(user=user), version=version)
    prediction = predicted(user_client.post("/", {"image": photograph()}))
    assert Features.objects.filter(upload=prediction.upload_id).exists()
    stored = classify_again(upload=prediction.upload, version=version)
    assert stored.probabilities == fresh.probabilities
    assert (stored.abstained, stored.seen_whole) == (fresh.abstained, fresh.seen_whole)


def test_image_is_classified_again_by_the_site(version, user_client):
    prediction = upload(user_client, version)
    assert "Classify with another model" in user_client.get(f"/predictions/{prediction.pk}/").text
    assert predicted(again(user_client, prediction, None)).model_version.classifier is None
    version.active = False
    version.save()
    refused = again(user_client, prediction, version)
    assert "does not exist or is not trained" in " ".join(map(str, get_messages(refused.wsgi_request)))


def test_archive_is_classified_by_the_own_classifier(version, user_client):
    archive = zip_file({f"{name}.png": example_bytes(name, 90) for name in ("bolts", "nuts")})
    answer = user_client.post("/jobs/", {"kind": "classify", "archive": archive, "classifier": version.classifier_id})
    work()
    assert {one.predicted_class for one in Prediction.objects.filter(model_version=version)} == {"bolts", "nuts"}
    assert "fasteners@1" in b"".join(user_client.get(f"{answer.url}results.csv")).decode()


def test_history_is_classified_again_without_the_examples_and_without_the_backbone(version, user_client, runs):
    prediction = upload(user_client, None)
    runs.clear()
    user_client.post("/jobs/", {"kind": "rescore", "model": version.pk})
    work()
    assert Prediction.objects.get(model_version=version).upload_id == prediction.upload_id
    assert runs == []


def test_nobody_rescores_with_the_classifier_of_another(version, client):
    client.force_login(make_user("another"))
    upload(client, None)
    assert client.post("/jobs/", {"kind": "rescore", "model": version.pk}).status_code == 400
