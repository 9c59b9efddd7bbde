"""The metrics are the operator's alone, and count what there was."""

import re

import pytest
from django.test import Client

from classifier.models import Prediction
from classifier.tests.factories import image_file
from classifier.tests.pages import elements

TOKEN = "the-token-of-the-metrics"


def counts(text: str, name: str, *labels: str) -> float:
    """The sum of a metric's samples that have all these labels."""
    lines = [
        line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line) and all(one in line for one in labels)
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.fixture
def metrics(db, settings):
    """A function that reads the metrics as Prometheus does."""
    settings.METRICS_TOKEN = TOKEN
    return lambda: Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", "Basic {}", "{}", "Bearer {}x", "Bearer Ж"])
def test_there_are_no_metrics_for_anybody_else(settings, user_client, given):
    for settings.METRICS_TOKEN in ("", TOKEN):
        for client in (Client(), user_client):
            assert client.get("/metrics", headers={"Authorization": given.format(TOKEN)}).status_code == 404


def test_superuser_reads_the_metrics(admin_client, shipped):
    page = admin_client.get("/metrics")
    assert page["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in page["Cache-Control"]
    assert f'cifarsite_model_info{{digest="{shipped.digest}",model="student_cnn v1"}} 1.0' in page.text


def test_prediction_counts_with_its_class_and_what_its_steps_took(metrics, shipped, user_client):
    before = metrics()
    number = elements(user_client.post("/", {"image": image_file()}, follow=True), "data-prediction")[0][
        "data-prediction"
    ]
    after = metrics()
    label = f'class="{Prediction.objects.get(pk=number).predicted_class}"'
    name, model = "cifarsite_predictions_total", 'model="student_cnn v1"'
    assert counts(after, name, model, label) - counts(before, name, model, label) == 1
    for step in ("decode", "infer"):
        name, label = "cifarsite_prediction_seconds_count", f'step="{step}"'
        assert counts(after, name, label) - counts(before, name, label) == 1


def test_requests_count_by_pattern_and_strange_ones_together(metrics, client):
    before = metrics()
    for path in ("/nothing/1", "/nothing/2", "/models/nothing/"):
        client.get(path)
    client.generic("BREW", "/healthz")
    after = metrics()
    name = "cifarsite_requests_total"
    for labels, count in (
        (('route="unknown"', 'status="404"'), 2),
        (('route="/models/<slug:name>/"', 'status="404"'), 1),
        (('method="other"', 'route="/healthz"', 'status="405"'), 1),
    ):
        assert counts(after, name, *labels) - counts(before, name, *labels) == count
    assert "nothing" not in after
    flying = "cifarsite_requests_in_flight"
    assert counts(after, flying) == counts(before, flying) > 0  # the one that asks


def test_throttled_and_locked_out_are_counted(metrics, settings, client):
    settings.THROTTLES, settings.AXES_FAILURE_LIMIT = {"sign_in_address": "2/minute"}, 1
    before = metrics()
    for _ in range(4):
        client.post("/accounts/sign-in/", {"username": "olena", "password": "wrong"})
    after = metrics()
    label = 'throttle="sign_in"'
    assert counts(after, "cifarsite_throttled_total", label) - counts(before, "cifarsite_throttled_total", label) == 2
    assert counts(after, "cifarsite_locked_out_total") - counts(before, "cifarsite_locked_out_total") == 2
