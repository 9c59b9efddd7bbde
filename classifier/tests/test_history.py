from urllib.parse import quote

import pytest
from django.utils import timezone

from classifier.models import Prediction, Upload
from classifier.tests.factories import image_file, make_prediction
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)


def shown(page) -> list[str]:
    """The predictions that a page of the history lists, by number."""
    return [link["href"].split("/")[2] for link in elements(page, "href") if link["href"].startswith("/predictions/")]


def walk(client, page, relation: str) -> list[list[str]]:
    """What the pages show from this one on, as somebody sees them who follows the links on or back."""
    pages = [shown(page)]
    while links := [link["href"] for link in elements(page, "rel") if link["rel"] == relation]:
        page = client.get(f"/history/{links[0]}")
        pages.append(shown(page))
    return pages


@pytest.fixture
def seven(user, settings) -> list[str]:
    """Seven predictions, newest first, of which the first five were made at the same moment; three go on a page."""
    settings.HISTORY_PAGE_SIZE = 3
    made = [make_prediction(user, seed=number) for number in range(7)]
    Prediction.objects.filter(pk__in=[prediction.pk for prediction in made[1:6]]).update(created_at=timezone.now())
    return [str(number) for number in Prediction.objects.order_by("-created_at", "-id").values_list("pk", flat=True)]


def test_history_without_uploads_invites_to_the_form(client):
    page = client.get("/history/")
    assert page.status_code == 200
    assert "No images yet" in page.text
    assert "Delete all" not in page.text


def test_newest_comes_first(user_client, user):
    made = [str(make_prediction(user, seed=number).pk) for number in range(3)]
    assert shown(user_client.get("/history/")) == made[::-1]


def test_links_on_and_back_pass_every_row_once(user_client, seven):
    first = user_client.get("/history/")
    onwards = walk(user_client, first, "next")
    assert onwards == [seven[:3], seven[3:6], seven[6:]]
    last = user_client.get("/history/", {"after": cursor_before_last_page(user_client, first)})
    back = walk(user_client, last, "prev")
    assert [number for page in back[::-1] for number in page] == seven


def cursor_before_last_page(client, page) -> str:
    while True:
        (link,) = [link["href"] for link in elements(page, "rel") if link["rel"] == "next"]
        following = client.get(f"/history/{link}")
        if not any(link["rel"] == "next" for link in elements(following, "rel")):
            return following.wsgi_request.GET["after"]
        page = following


def test_row_added_meanwhile_moves_no_page(user, user_client, seven):
    (link,) = [link["href"] for link in elements(user_client.get("/history/"), "rel") if link["rel"] == "next"]
    make_prediction(user, seed=8)
    assert shown(user_client.get(f"/history/{link}")) == seven[3:6]


@pytest.mark.parametrize("cursor", ["x", "2024-01-01_x", "2024-01-01T00:00:00+00:00", "2024-01-01_" + "0" * 32, "\x00"])
@pytest.mark.parametrize("direction", ["after", "before"])
def test_bad_cursor_is_not_found(user_client, cursor, direction):
    assert user_client.get(f"/history/?{direction}={quote(cursor)}").status_code == 404


def test_number_of_queries_does_not_grow_with_the_list(user, user_client, django_assert_num_queries):
    make_prediction(user)
    user_client.get("/history/")
    # Session, person and permissions, predictions, their models, which have several; classes, models and classifiers to
    # choose from.
    with django_assert_num_queries(10):
        user_client.get("/history/")
    for number in range(9):
        make_prediction(user, seed=number)
    with django_assert_num_queries(10):
        assert len(shown(user_client.get("/history/"))) == 10


def test_detail_shows_the_receipt(user, user_client):
    prediction = make_prediction(user, name="boat on a lake.jpg")
    page = user_client.get(f"/predictions/{prediction.pk}/")
    assert page.status_code == 200
    for expected in (
        "boat on a lake.jpg",
        prediction.upload.sha256,
        prediction.model_version.digest,
        str(prediction.pk),
        "150 × 100",
    ):
        assert expected in page.text
    assert len(elements(page, "data-prediction")) == 1


def test_ticked_images_are_deleted_after_a_question_and_no_others(user, user_client, stored_files):
    kept, *gone = (make_prediction(user, seed=seed) for seed in range(3))
    somebody_elses = make_prediction()
    numbers = [str(prediction.pk) for prediction in [*gone, somebody_elses]]
    question = user_client.post("/history/selected/", {"predictions": numbers, "action": "ask"})
    assert "Delete 2 images?" in question.text
    assert Prediction.objects.count() == 4
    asked = [field["value"] for field in elements(question, "value") if field.get("name") == "predictions"]
    assert sorted(asked) == sorted(numbers[:2])
    page = user_client.post("/history/selected/", {"predictions": numbers, "action": "delete"}, follow=True)
    assert "2 images were deleted." in page.text
    assert {*Prediction.objects.all()} == {kept, somebody_elses}
    assert len(stored_files()) == 4


@pytest.mark.parametrize("sent", [{}, {"predictions": ["x"], "action": "delete"}, {"action": "delete"}])
def test_selection_of_nothing_says_what_to_do(user, user_client, sent):
    make_prediction(user)
    page = user_client.post("/history/selected/", sent, follow=True)
    assert "Select at least one image" in page.text
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "head"])
def test_asking_for_the_delete_pages_deletes_nothing(user, user_client, stored_files, method):
    prediction = make_prediction(user)
    for address in (f"/predictions/{prediction.pk}/delete/", "/history/delete/"):
        assert getattr(user_client, method)(address).status_code == 200
    assert (Prediction.objects.count(), len(stored_files())) == (1, 2)


def test_deleting_one_keeps_the_files_of_the_others(user, user_client, stored_files):
    kept, gone = make_prediction(user), make_prediction(user, seed=1)
    page = user_client.post(f"/predictions/{gone.pk}/delete/", follow=True)
    assert page.redirect_chain == [("/history/", 302)]
    assert "The image and its result were deleted." in page.text
    assert [*Upload.objects.all()] == [kept.upload]
    assert stored_files() == sorted([kept.upload.file.name, kept.upload.thumbnail.name])


def test_deleting_all_deletes_only_the_persons_files(user, user_client, stored_files):
    others = make_prediction()
    for number in range(3):
        make_prediction(user, seed=number)
    page = user_client.post("/history/delete/", follow=True)
    assert "3 images were deleted." in page.text
    assert "No images yet" in page.text
    assert [*Upload.objects.all()] == [others.upload]
    assert stored_files() == sorted([others.upload.file.name, others.upload.thumbnail.name])


def test_file_that_is_gone_already_does_not_stop_the_deletion(user, user_client, media_root):
    prediction = make_prediction(user)
    (media_root / prediction.upload.file.name).unlink()
    assert user_client.get(f"/uploads/{prediction.upload_id}/image").status_code == 404
    assert user_client.post(f"/predictions/{prediction.pk}/delete/").status_code == 302
    assert not Upload.objects.exists()


def test_anonymous_visitor_has_a_history_too(client):
    client.post("/", {"image": image_file()})
    assert len(shown(client.get("/history/"))) == 1
