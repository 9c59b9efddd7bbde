"""The admin's overview: figures by day, and the queues of what wants a look."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from classifier.models import Prediction
from classifier.services.history.overview import overview
from classifier.tests.factories import make_prediction, make_superuser, make_user
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(make_superuser())
    return client


@pytest.fixture
def week(shipped) -> list[Prediction]:
    """Today two, the day before yesterday one, and one long ago."""
    now = timezone.now()
    rows = [
        {"predicted_class": "cat", "confidence": 0.4, "abstained": False},
        {"predicted_class": "cat", "confidence": 0.8, "abstained": True},
        {"predicted_class": "dog", "confidence": 0.9, "was_right": False, "corrected_class": "cat", "abstained": False},
        {"predicted_class": "ship", "confidence": 0.3, "abstained": False},
    ]
    ages = [timedelta(), timedelta(), timedelta(days=2), timedelta(days=50)]
    return [make_prediction(seed=seed, **row, created_at=now - age) for seed, (row, age) in enumerate(zip(rows, ages))]


def test_each_day_has_its_figures(week):
    found = overview(days=7)
    assert [day.count for day in found.days] == [0, 0, 0, 0, 1, 0, 2]
    today, before = found.days[-1], found.days[-3]
    assert (today.day, today.abstained, today.corrected) == (timezone.localdate(), 0.5, 0)
    assert today.confidence == pytest.approx(0.6)
    assert (before.abstained, before.corrected) == (0, 1)
    assert found.days[0].confidence is None
    # The abstention's guess, a cat, is no answer.
    assert found.classes == [("cat", pytest.approx(1 / 3)), ("dog", pytest.approx(1 / 3))]
    assert found.abstained == pytest.approx(1 / 3)


def test_queues_hold_what_wants_a_look(week):
    unsure, _abstained, wrong, oldest = week
    found = overview(days=7)
    assert found.least_sure == [oldest, unsure]
    assert found.wrong == [wrong]
    times = [milliseconds for _prediction, milliseconds in found.slowest]
    assert len(times) == 4
    assert times == sorted(times, reverse=True)
    assert times[0] == pytest.approx(sum(found.slowest[0][0].timings.values()))
    assert (found.uploads, found.stored_bytes) == (4, sum(one.upload.size for one in week))


def test_page_shows_figures_and_opens_each_of_a_queue(admin, week):
    page = admin.get("/admin/overview/")
    assert page.status_code == 200
    assert [chart["aria-label"] for chart in elements(page, "aria-label") if chart.get("role") == "img"] == [
        "Predictions per day",
        "Mean confidence",
        "Share without an answer",
        "Share reviewed",
    ]
    links = [link["href"] for link in elements(page, "href")]
    for prediction in week:
        assert f"/admin/classifier/prediction/{prediction.pk}/change/" in links
    for link in links:
        if link.startswith("/admin/classifier/prediction/?"):
            assert admin.get(link).status_code == 200
    assert "/admin/overview/" in admin.get("/admin/").text
    assert admin.get("/admin/overview/?days=7").text != page.text
    assert admin.get("/admin/overview/?days=x").status_code == 200


def test_whole_queue_is_opened_with_the_least_sure_first(admin, week):
    page = admin.get("/admin/overview/")
    link = next(one["href"] for one in elements(page, "href") if "o=" in one["href"] and "abstained" in one["href"])
    rows = admin.get(link.replace("&amp;", "&")).context["cl"].result_list
    assert [row.confidence for row in rows] == [0.3, 0.4]


def test_empty_site_has_an_overview_too(admin, shipped):
    page = admin.get("/admin/overview/")
    assert "No data for this period." in page.text


def test_number_of_queries_does_not_grow(django_assert_max_num_queries, shipped):
    for seed in range(6):
        make_prediction(seed=seed)
    with django_assert_max_num_queries(8):
        overview(days=30)


@pytest.mark.parametrize(("person", "status"), [("staff", 403), ("user", 302), ("nobody", 302)])
def test_only_staff_who_may_see_predictions_see_it(client, shipped, person, status):
    if person != "nobody":
        client.force_login(make_user(is_staff=person == "staff"))
    assert client.get("/admin/overview/").status_code == status
