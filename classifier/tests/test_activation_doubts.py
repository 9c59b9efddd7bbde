"""A model that is proven worse or hardly tested is activated only when a person confirms it."""

import copy
import io

import pytest
from django.core.management import CommandError, call_command

from classifier.models import ModelVersion
from classifier.services.models.activation_doubts import activation_doubts
from classifier.services.models.publishing import publish
from classifier.tests.factories import another_model, make_superuser

pytestmark = pytest.mark.django_db(transaction=True)


def scored(shipped, folder, *, accuracy: float, count: int = 10_000, fingerprint: str = "") -> ModelVersion:
    card = copy.deepcopy(shipped.card)
    card["metrics"]["test"] |= {"accuracy": accuracy, "count": count, "interval": [0.1, 0.7]}
    card["dataset"]["fingerprint"] = fingerprint or card["dataset"]["fingerprint"]
    return publish(folder=another_model(folder, metrics=card["metrics"], dataset=card["dataset"]))


@pytest.mark.parametrize(
    ("difference", "changes", "said"),
    [
        (0, {}, ""),
        (-0.004, {}, ""),
        (-0.05, {}, "is less accurate than student_cnn v1 on the same test images"),
        (-0.05, {"fingerprint": "sha256:another"}, ""),
        (0.05, {"count": 6}, "was tested on only 6 images: its accuracy is between 10.0% and 70.0%"),
    ],
)
def test_doubts_are_those_that_the_tests_support(shipped, models_dir, difference, changes, said):
    version = scored(shipped, models_dir / "another", accuracy=shipped.test_accuracy + difference, **changes)
    doubts = activation_doubts(version)
    assert (said in doubts[0]) if said else not doubts


def test_admin_asks_first(client, shipped, models_dir):
    client.force_login(make_superuser())
    worse = scored(shipped, models_dir / "another", accuracy=0.3)
    form = {"action": "activate", "_selected_action": [str(worse.pk)]}
    page = client.post("/admin/classifier/modelversion/", form)
    assert "is less accurate than student_cnn v1" in page.text
    assert ModelVersion.objects.get(active=True) == shipped
    client.post("/admin/classifier/modelversion/", {**form, "confirmed": "yes"})
    assert ModelVersion.objects.get(active=True) == worse


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_command_asks_first(shipped, models_dir, monkeypatch, answer):
    worse = scored(shipped, models_dir / "another", accuracy=0.3)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    for words in (["activate", "another"], ["publish", str(models_dir / "another"), "--activate"]):
        with pytest.raises(CommandError, match="not activated"):
            call_command("models", *words)
    assert ModelVersion.objects.get(active=True) == shipped
    call_command("models", "activate", "another", "--yes")
    assert ModelVersion.objects.get(active=True) == worse
