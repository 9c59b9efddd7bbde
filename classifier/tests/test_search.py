"""The history searched and sorted: what the address asks for is what the page lists."""

import unicodedata
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from classifier.forms.history import SearchForm
from classifier.models import ModelVersion, Prediction, Upload
from classifier.tests.factories import another_model, image_file, make_prediction, only_on_sqlite
from classifier.tests.pages import elements
from classifier.tests.test_history import shown, walk

pytestmark = pytest.mark.django_db(transaction=True)


def names(page) -> list[str]:
    """The files that a page of the history lists."""
    stored = {str(one.pk): one.upload.original_name for one in Prediction.objects.select_related("upload")}
    return [stored[number] for number in shown(page)]


@pytest.fixture
def four(user) -> None:
    """Four answers of one person, the oldest first, and one of somebody else's that would match everything."""
    rows = {
        "Мій Кіт.jpg": {"predicted_class": "cat", "confidence": 0.95, "was_right": True, "corrected_class": "cat"},
        "IMG_dog.jpg": {"predicted_class": "dog", "confidence": 0.60, "was_right": False, "corrected_class": "cat"},
        "meadow.jpg": {"predicted_class": "cat", "confidence": 0.40, "abstained": True},
        "harbour.jpg": {"predicted_class": "ship", "confidence": 0.80},
    }
    for number, (name, row) in enumerate(rows.items()):
        when = timezone.make_aware(datetime(2026, 5, 1 + number, 12))
        make_prediction(user, name=name, seed=number, **{"abstained": False, **row, "created_at": when})
    make_prediction(name="cat of others.jpg", predicted_class="cat", abstained=False, was_right=False)


ALL = ["harbour.jpg", "meadow.jpg", "IMG_dog.jpg", "Мій Кіт.jpg"]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ALL),
        ({"name": "img_"}, ["IMG_dog.jpg"]),
        ({"name": "кіт"}, ["Мій Кіт.jpg"]),
        ({"name": "%"}, []),
        ({"answer": "cat"}, ["Мій Кіт.jpg"]),
        ({"answer": "none"}, ["meadow.jpg"]),
        ({"state": "abstained"}, ["meadow.jpg"]),
        ({"state": "answered"}, ["harbour.jpg", "IMG_dog.jpg", "Мій Кіт.jpg"]),
        ({"state": "corrected"}, ["IMG_dog.jpg", "Мій Кіт.jpg"]),
        ({"state": "unchecked"}, ["harbour.jpg", "meadow.jpg"]),
        ({"state": "right"}, ["Мій Кіт.jpg"]),
        ({"state": "wrong"}, ["IMG_dog.jpg"]),
        ({"lowest": "60"}, ["harbour.jpg", "IMG_dog.jpg", "Мій Кіт.jpg"]),
        ({"lowest": "50", "highest": "80"}, ["harbour.jpg", "IMG_dog.jpg"]),
        ({"since": "2026-05-03"}, ["harbour.jpg", "meadow.jpg"]),
        ({"until": "2026-05-02"}, ["IMG_dog.jpg", "Мій Кіт.jpg"]),
        ({"since": "2026-05-02", "until": "2026-05-02"}, ["IMG_dog.jpg"]),
        ({"until": "0001-01-01"}, []),
        ({"since": "9999-12-31"}, []),
        ({"order": "oldest"}, ALL[::-1]),
        ({"order": "surest"}, ["Мій Кіт.jpg", "harbour.jpg", "IMG_dog.jpg", "meadow.jpg"]),
        ({"order": "least_sure"}, ["meadow.jpg", "IMG_dog.jpg", "harbour.jpg", "Мій Кіт.jpg"]),
        ({"state": "answered", "order": "least_sure", "name": "jpg", "view": "list"}, [*ALL[2:3], ALL[0], ALL[3]]),
    ],
)
def test_search_lists_what_the_address_asks_for(user_client, asked, expected):
    assert names(user_client.get("/history/", asked)) == expected


@pytest.mark.usefixtures("four")
def test_search_by_model(user, user_client, tmp_path):
    from classifier.services.models import publishing

    version = publishing.publish(folder=another_model(tmp_path / "other"))
    answered = make_prediction(user, name="by the other.jpg", model_version=version)
    assert names(user_client.get("/history/", {"model": version.pk})) == [answered.upload.original_name]
    first = ModelVersion.objects.exclude(pk=version.pk).get()
    assert names(user_client.get("/history/", {"model": first.pk})) == ALL


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"since": "yesterday"}, "Enter a valid date"),
        ({"lowest": "101"}, "less than or equal to 100"),
        ({"answer": "unicorn"}, "unicorn is not one of the available choices"),
        ({"model": "999"}, "not one of the available choices"),
        ({"order": "random"}, "random is not one of the available choices"),
    ],
)
def test_value_that_makes_no_sense_is_named_and_asks_for_nothing(user_client, asked, message):
    page = user_client.get("/history/", asked)
    assert page.status_code == 200
    assert message in page.text
    assert names(page) == ALL


@pytest.mark.usefixtures("four")
def test_search_that_finds_nothing_leads_back_to_everything(user_client):
    page = user_client.get("/history/", {"name": "zebra"})
    assert "No images match your search" in page.text
    assert "No images yet" not in page.text


@pytest.mark.parametrize("order", ["newest", "oldest", "surest", "least_sure"])
def test_links_keep_the_search_and_pass_every_row_once(user, user_client, settings, order):
    settings.HISTORY_PAGE_SIZE = 2
    for number in range(5):
        # Two and two are equally sure, and were made at the same moment.
        when = timezone.now() - timedelta(hours=number // 2)
        confidence = 0.5 + number // 2 / 10
        make_prediction(user, name=f"yes {number}.jpg", seed=number, confidence=confidence, created_at=when)
    make_prediction(user, name="no.jpg", seed=9)
    first = user_client.get("/history/", {"name": "yes", "order": order}, follow=True)
    onwards = walk(user_client, first, "next")
    rows = [number for page in onwards for number in page]
    fields = {"newest": ["-created_at", "-id"], "oldest": ["created_at", "id"]}
    fields |= {"surest": ["-confidence", "-id"], "least_sure": ["confidence", "id"]}
    wanted = Prediction.objects.filter(upload__original_name__startswith="yes").order_by(*fields[order])
    assert rows == [str(number) for number in wanted.values_list("pk", flat=True)]
    assert [len(page) for page in onwards] == [2, 2, 1]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ({}, "/history/"),
        ({"name": "cat & dog"}, "/history/?name=cat+%26+dog"),
        ({"answer": "dog", "order": "oldest", "view": "list"}, "/history/?answer=dog&order=oldest&view=list"),
        ({"name": "cat", "csrfmiddlewaretoken": "of an old bookmark"}, "/history/?name=cat"),
    ],
)
def test_address_of_a_search_has_what_was_asked_and_nothing_else(user_client, typed, address):
    form = user_client.get("/history/").text.partition('<form method="get"')[2].partition("</form>")[0]
    names = {field["name"] for field in elements(form, "name")}
    # The other is for people with a classifier of their own.
    assert names == set(SearchForm.base_fields) - {"classifier"}
    # Browsers send every field, and what stands first in a list where nothing was chosen.
    sent = dict.fromkeys(SearchForm.base_fields, "") | {"order": "newest"} | typed
    page = user_client.get("/history/", sent, follow=True)
    assert [url for url, _status in page.redirect_chain] == [address]
    assert user_client.get(address).status_code == 200


@pytest.mark.usefixtures("four")
def test_search_form_shows_what_was_asked(user_client):
    page = user_client.get("/history/", {"name": "img", "answer": "dog", "lowest": "50"})
    fields = {field["name"]: field.get("value") for field in elements(page, "name")}
    assert (fields["name"], fields["lowest"]) == ("img", "50")
    assert '<option value="dog" selected>' in page.text
    assert '<details class="search mb-3" open>' in page.text


def test_every_list_of_one_person_is_read_along_an_index(user, user_client, django_assert_num_queries):
    """No sort and no look through the whole table, whatever is asked first."""
    only_on_sqlite()
    from classifier.services.history.search import ORDERS, Search
    from classifier.services.people.ownership import Owner

    for owner in (Owner(user=user), Owner(visitor=make_prediction().visitor)):
        for order in ORDERS:
            search = Search(order=order)
            rows = search.row_order.apply(search.of(owner))[:25]
            plan = rows.explain()
            assert "prediction_owner_" in plan or "prediction_visitor_" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
        assert "COVERING INDEX upload_" in Search(file_name="img").of(owner)[:25].explain()
        plan = Search(class_name="cat").of(owner)[:25].explain()
        assert "_class" in plan, plan
        assert "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_name_is_found_whatever_system_wrote_it(user, user_client, admin_client, form, asked):
    sent = image_file(unicodedata.normalize(form, "Мій їжак.jpg"))
    user_client.post("/", {"image": sent})
    upload = Upload.objects.get()
    assert upload.original_name == "Мій їжак.jpg"
    words = unicodedata.normalize(asked, "мій їж")
    assert names(user_client.get("/history/", {"name": words})) == ["Мій їжак.jpg"]
    assert str(upload.pk) in admin_client.get("/admin/classifier/upload/", {"q": words}).text
