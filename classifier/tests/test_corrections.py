"""Saying what an upload really shows: kept with who and when, undone, and never anybody else's."""

import threading

import pytest
from django.db import connection

from classifier.models import Correction, Prediction
from classifier.services.history.correction import NothingToUndo, UnknownLabel, correct, undo_correction
from classifier.tests.factories import make_prediction
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cat(user) -> Prediction:
    return make_prediction(user, predicted_class="cat", abstained=False)


def state(prediction: Prediction) -> tuple[str, bool | None]:
    prediction.refresh_from_db()
    return prediction.corrected_class, prediction.was_right


@pytest.mark.parametrize(
    ("abstained", "label", "right"),
    [(False, "cat", True), (False, "dog", False), (False, "none", False), (True, "none", True), (True, "cat", False)],
)
def test_verdict_is_kept_with_who_and_when_and_says_whether_the_answer_was_right(
    user, user_client, abstained, label, right
):
    prediction = make_prediction(user, predicted_class="cat", abstained=abstained)
    response = user_client.post(f"/predictions/{prediction.pk}/correction/", {"label": label})
    assert response["Location"] == f"/predictions/{prediction.pk}/"
    assert state(prediction) == (label, right)
    kept = prediction.corrections.get()
    assert (kept.label, kept.user, kept.undone_at) == (label, user, None)
    assert kept.created_at is not None
    page = user_client.get(f"/predictions/{prediction.pk}/")
    assert [section["data-corrected"] for section in elements(page, "data-corrected")] == [label]


def test_last_verdict_counts_and_undoing_goes_back_along_them(cat, user):
    correct(prediction=cat, label="dog", user=user)
    correct(prediction=cat, label="cat", user=user)
    assert state(cat) == ("cat", True)
    undo_correction(prediction=cat)
    assert state(cat) == ("dog", False)
    undo_correction(prediction=cat)
    assert state(cat) == ("", None)
    with pytest.raises(NothingToUndo):
        undo_correction(prediction=cat)
    assert [one.label for one in Correction.objects.order_by("id")] == ["dog", "cat"]
    assert all(one.undone_at for one in Correction.objects.all())


def test_same_verdict_twice_is_one(cat, user):
    assert correct(prediction=cat, label="dog", user=user) == correct(prediction=cat, label="dog", user=user)
    assert Correction.objects.count() == 1


def test_class_that_the_model_lacks_is_refused(cat, user, user_client):
    with pytest.raises(UnknownLabel, match="'unicorn' is not one of: airplane"):
        correct(prediction=cat, label="unicorn", user=user)
    page = user_client.post(f"/predictions/{cat.pk}/correction/", {"label": "unicorn"}, follow=True)
    assert "The model does not have this class" in page.text
    assert state(cat) == ("", None)


def test_undoing_nothing_says_so(cat, user_client):
    page = user_client.post(f"/predictions/{cat.pk}/correction/", {"undo": "1"}, follow=True)
    assert "There is nothing to undo." in page.text


def test_nobody_corrects_what_is_somebody_elses(cat, client):
    assert client.post(f"/predictions/{cat.pk}/correction/", {"label": "dog"}).status_code == 404
    assert state(cat) == ("", None)


def test_anonymous_visitor_corrects_without_a_name(client):
    from classifier.tests.factories import image_file

    client.post("/", {"image": image_file()})
    prediction = Prediction.objects.get()
    client.post(f"/predictions/{prediction.pk}/correction/", {"label": "ship"})
    assert state(prediction)[0] == "ship"
    assert prediction.corrections.get().user is None


def test_script_gets_the_part_of_the_page_alone(cat, user_client):
    part = user_client.post(f"/predictions/{cat.pk}/correction/", {"label": "dog"}, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert [section["data-corrected"] for section in elements(part, "data-corrected")] == ["dog"]
    refused = user_client.post(f"/predictions/{cat.pk}/correction/", {"label": "x"}, headers={"HX-Request": "true"})
    assert "The model does not have this class" in refused.text


def test_every_class_has_its_button_and_the_first_ten_a_key(cat, user_client):
    page = user_client.get(f"/predictions/{cat.pk}/")
    buttons = [(button["value"], button["data-key"]) for button in elements(page, "data-key")]
    assert buttons == [("cat", "y"), *zip(cat.model_version.known_classes, "1234567890"), ("none", "n")]


def test_deleting_an_upload_deletes_its_corrections(cat, user, user_client):
    correct(prediction=cat, label="dog", user=user)
    user_client.post(f"/predictions/{cat.pk}/delete/")
    assert not Correction.objects.exists()


def test_two_at_once_end_as_one_of_them_says(cat, user):
    def say(label: str) -> None:
        try:
            correct(prediction=Prediction.objects.get(pk=cat.pk), label=label, user=user)
        finally:
            connection.close()

    threads = [threading.Thread(target=say, args=[label]) for label in ("dog", "frog", "ship", "cat")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = Correction.objects.order_by("-id").first()
    assert Correction.objects.count() == 4
    assert state(cat) == (last.label, last.label == "cat")
