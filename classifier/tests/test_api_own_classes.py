"""Own classifiers over HTTP."""

import pytest

from classifier.models import Job, ModelVersion, Prediction
from classifier.services.people.ownership import Owner
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.classifiers import example_bytes, example_file, make_trained
from classifier.tests.factories import make_user
from classifier.tests.jobs import work, zip_file

pytestmark = pytest.mark.django_db

JOBS = "/api/v1/jobs/"


@pytest.fixture
def version(user) -> ModelVersion:
    return make_trained(Owner(user=user))


def test_own_classifier_answers_alone_in_a_batch_and_in_jobs(version, user):
    api, chosen = program(user), {"classifier": str(version.classifier_id)}
    made = api.post(PREDICTIONS, {"image": example_file("nuts", 80), **chosen})
    assert made.status_code == 201
    answer = made.json()
    assert (answer["answer"], answer["model"], answer["classifier"]) == ("nuts", "fasteners@1", chosen["classifier"])
    batch = api.post(BATCH, {"images": [example_file("nuts", 81), example_file("bolts", 81)], **chosen}).json()
    assert [one["prediction"]["answer"] for one in batch["results"]] == ["nuts", "bolts"]
    job = api.post(JOBS, {"archive": zip_file({"a.png": example_bytes("nuts", 82)}), **chosen})
    assert (job.status_code, job.json()["model"]) == (202, "fasteners@1")
    work()
    api.post(PREDICTIONS, {"image": example_file("nuts", 83)})
    assert api.post(f"{JOBS}rescoring/", chosen, content_type="application/json").status_code == 202
    work()
    assert Prediction.objects.filter(model_version=version).count() == 5
    assert len(api.get(PREDICTIONS, chosen).json()["results"]) == 5
    assert not Job.objects.filter(state=Job.State.FAILED).exists()


def test_same_key_for_another_model_is_refused(version, user):
    api = program(user)
    key = {"Idempotency-Key": "one"}
    sent = {"image": example_file("nuts", 80), "classifier": str(version.classifier_id)}
    first = api.post(PREDICTIONS, sent, headers=key).json()
    sent["image"] = example_file("nuts", 80)
    assert api.post(PREDICTIONS, sent, headers=key).json()["id"] == first["id"]
    problem_of(api.post(PREDICTIONS, {"image": example_file("nuts", 80)}, headers=key), 409)


@pytest.mark.parametrize("chosen", ["nonsense", "00000000-0000-0000-0000-000000000000", "theirs", "\0"])
def test_classifier_of_nobody_or_of_another_is_refused(version, chosen):
    api = program(make_user("another"))
    sent = {
        "image": example_file("nuts", 80),
        "classifier": str(version.classifier_id) if chosen == "theirs" else chosen,
    }
    problem = problem_of(api.post(PREDICTIONS, sent), 400)
    assert problem["errors"][0]["field"] == "classifier"
    assert not Prediction.objects.exists()


def test_model_and_classifier_together_are_refused(version, user):
    api, sent = program(user), {"classifier": str(version.classifier_id), "model": "student_cnn"}
    for address in (f"{PREDICTIONS}?image=x", f"{JOBS}rescoring/"):
        body = sent if "jobs" in address else {**sent, "image": example_file("nuts", 80)}
        options = {"content_type": "application/json"} if "jobs" in address else {}
        problem_of(api.post(address.partition("?")[0], body, **options), 400)
    problem = problem_of(api.post(f"{JOBS}rescoring/", {}, content_type="application/json"), 400)
    assert problem["errors"][0]["code"] == "required"
