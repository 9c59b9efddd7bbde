"""A request under an Idempotency-Key is stored once, however often and however much at once it is sent."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.test import Client
from django.utils import timezone

from classifier.models import BatchClaim, Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.services.people.ownership import Owner
from classifier.services.predictions.submission import SubmissionOptions, claim_key
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.factories import another_model, image_bytes, image_file, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(user) -> Client:
    return program(user)


def send(api: Client, key: str, *, seed: int = 0, **fields):
    image = image_file(content=image_bytes(seed=seed))
    return api.post(PREDICTIONS, {"image": image, **fields}, headers={"Idempotency-Key": key})


def at_once(*requests) -> list:
    """The answers to requests that all start in the same moment."""
    start, answers = threading.Barrier(len(requests)), [None] * len(requests)

    def ask(place: int) -> None:
        try:
            start.wait()
            answers[place] = requests[place]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=[place]) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_same_request_again_gives_the_same_prediction(api, stored_files):
    first, second = (send(api, "one") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (Prediction.objects.count(), Upload.objects.count(), len(stored_files())) == (1, 1, 2)


def test_form_and_whole_body_are_the_same_request(api):
    first = send(api, "one", keep=7).json()
    headers = {"Idempotency-Key": "one"}
    second = api.post(f"{PREDICTIONS}?keep=7", image_bytes(), content_type="image/jpeg", headers=headers)
    assert second.json()["id"] == first["id"]


@pytest.mark.parametrize("other", [{"seed": 1}, {"keep": 7}, {"model": "student_cnn"}, {"model": "other"}])
def test_other_request_under_the_same_key_is_refused(api, tmp_path, other):
    publish(folder=another_model(tmp_path / "other"))
    assert send(api, "one").status_code == 201
    problem = problem_of(send(api, "one", **other), 409)
    assert problem["type"].endswith("/api/problems/#idempotency-key-reused")
    assert Prediction.objects.count() == 1


def test_same_image_under_another_key_or_none_is_another_prediction(api):
    send(api, "one"), send(api, "two"), api.post(PREDICTIONS, {"image": image_file()})
    assert Prediction.objects.count() == 3


def test_key_is_each_persons_own(api):
    first, second = (send(one, "one").json()["id"] for one in (api, program(make_user("taras"))))
    assert first != second


def test_key_is_free_again_when_its_prediction_is_deleted(api):
    first = send(api, "one").json()
    api.delete(first["url"])
    assert send(api, "one", seed=1).status_code == 201


@pytest.mark.parametrize("key", ["", "a key", "к", "x" * 201, "a\tb"])
def test_key_that_is_none_is_refused(api, key):
    assert problem_of(send(api, key.encode().decode("latin-1")), 400)["errors"][0]["field"] == "Idempotency-Key"
    assert not Upload.objects.exists()


def test_two_at_once_get_the_same_prediction(api, stored_files):
    for number in range(3):
        key = str(uuid4())
        answers = at_once(*[lambda key=key: send(api, key)] * 3)
        assert [one.status_code for one in answers] == [201] * 3
        assert len({one.json()["id"] for one in answers}) == 1
        assert (Prediction.objects.count(), len(stored_files())) == (number + 1, 2 * (number + 1))


def test_of_two_different_ones_at_once_one_is_refused(api, stored_files):
    answers = at_once(lambda: send(api, "one", seed=0), lambda: send(api, "one", seed=1))
    assert sorted(one.status_code for one in answers) == [201, 409]
    assert (Prediction.objects.count(), Upload.objects.count(), len(stored_files())) == (1, 1, 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_key_of_what_is_kept_is_not_for_what_is_not_to_be_kept(api, seed):
    send(api, "one")
    problem_of(send(api, "one", seed=seed, keep=0), 409)


def send_batch(api: Client, *contents: bytes, **fields):
    files = [image_file(content=content) for content in contents]
    return api.post(BATCH, {"images": files, **fields}, headers={"Idempotency-Key": "one"})


ONE, TWO, THREE = (image_bytes(seed=seed) for seed in range(3))


def test_batch_that_is_sent_again_is_stored_once(api):
    first, second = (send_batch(api, ONE, b"text", TWO).json()["results"] for _ in range(2))
    assert [one["prediction"] for one in first] == [one["prediction"] for one in second]
    assert Prediction.objects.count() == 2


def test_batch_of_which_a_part_was_stored_is_completed(api):
    first = send_batch(api, ONE, TWO).json()["results"]
    api.delete(first[0]["prediction"]["url"])
    again = send_batch(api, ONE, TWO).json()["results"]
    assert again[1] == first[1]
    assert Prediction.objects.count() == 2


@pytest.mark.parametrize("others", [[ONE, THREE], [TWO, ONE], [ONE], [TWO], [THREE, THREE], [ONE, TWO, THREE]])
def test_other_batch_under_the_same_key_is_refused_as_a_whole(api, others):
    send_batch(api, ONE, TWO)
    assert problem_of(send_batch(api, *others), 409)["type"].endswith("#idempotency-key-reused")
    problem_of(send_batch(api, *others, keep=0), 409)
    problem_of(send_batch(api, ONE, TWO, keep=7), 409)
    assert Prediction.objects.count() == 2


def test_batch_whose_first_images_could_not_be_read_still_has_its_key(api):
    send_batch(api, b"text", b"text", ONE)
    problem_of(send_batch(api, TWO, THREE), 409)
    assert Prediction.objects.count() == 1


def test_of_two_different_batches_at_once_one_is_stored_whole_and_the_other_not_at_all(api, stored_files):
    contents = [image_bytes(seed=seed) for seed in range(8)]
    for _round in range(5):
        answers = at_once(
            lambda: send_batch(api, *contents),
            lambda: send_batch(api, *reversed(contents)),
            lambda: send_batch(api, ONE, TWO, THREE),
        )
        assert sorted(one.status_code for one in answers) == [200, 409, 409]
        (stored,) = [one.json()["results"] for one in answers if one.status_code == 200]
        assert all(one["prediction"] for one in stored)
        assert Prediction.objects.count() == len(stored)
        assert len(stored_files()) == 2 * len(stored)
        assert not BatchClaim.objects.exists()
        Upload.objects.all().delete()
        for name in stored_files():
            default_storage.delete(name)


def test_same_batch_several_times_at_once_is_stored_once(api):
    answers = at_once(*[lambda: send_batch(api, ONE, TWO, THREE)] * 3)
    assert [one.status_code for one in answers] == [200] * 3
    assert len({str(one.json()) for one in answers}) == 1
    assert Prediction.objects.count() == 3


def test_claim_of_a_process_that_was_killed_ends(api, user):
    with claim_key(owner=Owner(user=user), options=SubmissionOptions(), key="one", content="other"):
        problem_of(send_batch(api, ONE), 409)
        BatchClaim.objects.update(created_at=timezone.now() - timedelta(hours=1))
        assert send_batch(api, ONE).status_code == 200
