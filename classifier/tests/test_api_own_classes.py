"""Own classifiers over HTTP."""

from uuid import uuid4

import pytest

from classifier.models import Classifier, Comparison, Example, Job, ModelVersion, Prediction
from classifier.services.people.ownership import Owner
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.classifiers import example_bytes, example_file, make_trained, make_version
from classifier.tests.factories import make_prediction, make_user
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


CLASSIFIERS = "/api/v1/classifiers/"
JSON = {"content_type": "application/json"}


def test_classifier_is_created_filled_trained_and_deleted(user):
    api = program(user)
    made = api.post(CLASSIFIERS, {"name": "fasteners", "classes": ["bolts"]}, **JSON)
    assert made.status_code == 201
    address = made["Location"]
    assert problem_of(api.post(f"{address}runs/"), 409)["errors"][0]["code"] == "too_few_classes"
    assert api.post(f"{address}classes/", {"name": "nuts"}, **JSON).json()["name"] == "nuts"
    for name in ("bolts", "nuts"):
        for number in range(6):
            sent = {"image": example_file(name, number), "class_name": name}
            assert api.post(f"{address}examples/", sent).status_code == 201
    again = api.post(f"{address}examples/", {"image": example_file("nuts", 5), "class_name": "nuts"})
    assert again.status_code == 200
    first = api.post(f"{address}runs/")
    assert (first.status_code, first.json()["kind"]) == (202, "train")
    assert api.post(f"{address}runs/").json()["id"] == first.json()["id"]
    work()
    assert api.get(f"{address}runs/").json()["results"][0]["state"] == "finished"
    (version,) = api.get(f"{address}versions/").json()["results"]
    assert (version["number"], version["active"], version["count"]) == (1, True, 12)
    assert api.get(address).json() | {"classes": []} == made.json() | {"classes": [], "image_count": 12, "version": 1}
    assert problem_of(api.post(f"{address}runs/"), 409)["errors"][0]["code"] == "nothing_new"
    assert [one["id"] for one in api.get(CLASSIFIERS).json()["results"]] == [made.json()["id"]]
    assert api.delete(address).status_code == 204
    assert not Classifier.objects.exists()


def test_classifier_is_created_once_under_a_key(user):
    api, key = program(user), {"Idempotency-Key": "one"}
    sent = {"name": "fasteners"}
    first = api.post(CLASSIFIERS, sent, headers=key, **JSON).json()
    assert api.post(CLASSIFIERS, sent, headers=key, **JSON).json()["id"] == first["id"]
    problem_of(api.post(CLASSIFIERS, {"name": "others"}, headers=key, **JSON), 409)
    other = program(make_user("another")).post(CLASSIFIERS, sent, headers=key, **JSON).json()
    assert other["id"] != first["id"]


def test_examples_are_listed_relabelled_protected_and_removed(user):
    prediction = make_prediction(user)
    classifier = make_version(prediction).classifier
    api, address = program(user), f"{CLASSIFIERS}{classifier.pk}/examples/"
    (one,) = api.get(address).json()["results"]
    changed = api.patch(one["url"], {"class_name": "Nuts", "must_stay_right": True}, **JSON).json()
    assert (changed["class_name"], changed["must_stay_right"]) == ("nuts", True)
    assert api.patch(one["url"], {"class_name": None}, **JSON).json()["class_name"] is None
    assert (
        problem_of(api.patch(one["url"], {"class_name": "cogs"}, **JSON), 400)["errors"][0]["code"] == "no_such_class"
    )
    assert api.delete(one["url"]).status_code == 204
    # The history has the image, and it becomes an example again.
    sent = {"prediction": str(prediction.pk), "class_name": "bolts"}
    assert api.post(address, sent).json()["class_name"] == "bolts"
    assert Example.objects.get().upload == prediction.upload


def test_wrong_examples_are_refused(user):
    classifier = make_version(make_prediction(user)).classifier
    theirs = make_prediction(make_user("another"))
    api, address = program(user), f"{CLASSIFIERS}{classifier.pk}/examples/"
    for sent, field in (
        ({}, "image"),
        ({"prediction": str(theirs.pk), "class_name": "bolts"}, "prediction"),
        ({"prediction": str(theirs.pk)}, "class_name"),
        ({"image": example_file("nuts", 1), "class_name": "a/b"}, "class_name"),
        ({"image": example_file("nuts", 1), "klass": "nuts"}, "klass"),
    ):
        assert problem_of(api.post(address, sent), 400)["errors"][0]["field"] == field
    assert Example.objects.count() == 1


def test_classes_are_renamed_and_deleted(user):
    classifier = make_version(make_prediction(user)).classifier
    api, address = program(user), f"{CLASSIFIERS}{classifier.pk}/classes/"
    bolts, _nuts = api.get(address).json()["results"]
    assert api.put(f"{address}{bolts['id']}/", {"name": "cogs"}, **JSON).json()["name"] == "cogs"
    problem = problem_of(api.put(f"{address}{bolts['id']}/", {"name": "Nuts"}, **JSON), 409)
    assert problem["errors"][0]["code"] == "class_taken"
    assert api.delete(f"{address}{bolts['id']}/").status_code == 204
    assert [one["name"] for one in api.get(address).json()["results"]] == ["nuts"]


def test_limits_are_told(user, settings):
    settings.MAX_CLASSIFIERS = 0
    problem = problem_of(program(user).post(CLASSIFIERS, {"name": "one"}, **JSON), 409)
    assert problem["errors"][0]["code"] == "too_many_classifiers"
    assert not Classifier.objects.exists()


def test_refused_version_says_what_broke_and_is_used_for_a_reason(user):
    version = make_version(make_prediction(user))
    candidate = ModelVersion.every.create(
        name=version.name, number=2, digest="2" * 64, card=version.card, classifier=version.classifier
    )
    Comparison.objects.create(
        candidate=candidate,
        baseline=version,
        count=3,
        better=0,
        worse=1,
        p_value=1.0,
        reasons=[["class_collapsed", "nuts"]],
    )
    api, address = program(user), f"{CLASSIFIERS}{version.classifier_id}/"
    problem = problem_of(api.post(f"{address}versions/2/activate/", {}, **JSON), 409)
    assert [one["code"] for one in problem["errors"]] == ["class_collapsed", "gate_refuses"]
    assert "nuts" in problem["detail"]
    used = api.post(f"{address}versions/2/activate/", {"reason": "the label was wrong"}, **JSON)
    assert used.json()["active"]
    (compared,) = api.get(f"{address}comparisons/").json()["results"]
    assert (compared["reason"], compared["refusals"][0]["class_name"]) == ("the label was wrong", "nuts")
    assert api.get(f"{address}versions/9/").status_code == 404


def test_token_to_read_changes_nothing_of_a_classifier(user):
    classifier = make_version(make_prediction(user)).classifier
    api, address = program(user, scope="read"), f"{CLASSIFIERS}{classifier.pk}/"
    assert api.get(address).status_code == 200
    for answer in (api.delete(address), api.post(f"{address}runs/"), api.post(CLASSIFIERS, {"name": "x"}, **JSON)):
        problem_of(answer, 403)
    assert program(make_user("another")).get(address).status_code == 404
    assert program(user).get(f"{CLASSIFIERS}{uuid4()}/").status_code == 404
