"""Two models side by side: on their test images, in their settings, and on a person's uploads."""

from uuid import uuid4

import pytest
from django.test import Client

from classifier.models import ModelVersion, Prediction
from classifier.services.models.comparison import difference_on_test, on_uploads
from classifier.services.models.publishing import publish
from classifier.services.people.ownership import Owner, predictions_of
from classifier.tests.factories import SHIPPED_FOLDER, another_model, make_prediction, make_user
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(shipped, models_dir) -> ModelVersion:
    return publish(folder=another_model(models_dir / "another"))


def measured(
    version: ModelVersion, accuracy: float, count: int = 10_000, fingerprint: str = "sha256:1"
) -> ModelVersion:
    version.card["metrics"]["test"] |= {"accuracy": accuracy, "count": count}
    version.card["dataset"]["fingerprint"] = fingerprint
    version.save()
    return version


def address(*versions: ModelVersion) -> str:
    return "/compare/?" + "&".join(f"model={version.pk}" for version in versions)


@pytest.mark.parametrize(("accuracy", "proven"), [(0.9, True), (0.8, False), (0.81, False), (0.7, True)])
def test_small_difference_is_not_proven(shipped, other, accuracy, proven):
    difference = difference_on_test(measured(shipped, accuracy, 500), measured(other, 0.8, 500))
    assert difference.value == pytest.approx(accuracy - 0.8)
    assert difference.is_proven == proven


@pytest.mark.parametrize("change", [{"fingerprint": "sha256:2"}, {"count": 9_000}])
def test_models_tested_on_other_images_have_no_difference(client, shipped, other, change):
    measured(shipped, 0.9)
    assert difference_on_test(shipped, measured(other, 0.8, **change)) is None
    assert "not tested on the same images" in client.get(address(shipped, other)).text


def test_page_shows_difference_figures_settings_and_curves(client, shipped, other):
    measured(shipped, 0.9)
    measured(other, 0.8)
    page = client.get(address(shipped, other)).text
    assert [float(one["data-difference"]) for one in elements(page, "data-difference")] == [pytest.approx(0.1)]
    assert "student_cnn v1 minus another v1 on the same test images: +10.00 percentage points" in page
    assert "Weight decay" in page
    assert page.count("<polyline") == 2
    swapped = client.get(address(other, shipped)).text
    assert "another v1 minus student_cnn v1 on the same test images: −10.00 percentage points" in swapped


def test_settings_of_a_model_of_two_networks_are_those_of_the_trained_one(client, shipped):
    duo = publish(folder=SHIPPED_FOLDER.parent / "cifar10_duo")
    page = client.get(address(duo, shipped)).text
    assert page.index("sgd_triangle") < page.index("adam_cosine")
    assert elements(page, "class").count({"class": "differs"}) > 5


@pytest.mark.parametrize("chosen", [["first"], ["first", "first"], ["first", "77"], ["first", "cat"]])
def test_other_than_two_models_is_refused(client, shipped, other, chosen):
    query = "&".join(f"model={shipped.pk if one == 'first' else one}" for one in chosen)
    page = client.get(f"/compare/?{query}")
    assert page.status_code == 400
    assert "text-danger" in page.text


def test_page_without_models_asks_for_two(client, shipped, other):
    page = client.get("/compare/")
    assert page.status_code == 200
    assert "Select two models" in page.text
    assert len(elements(page.text, "data-difference")) == 0


def both(shipped: ModelVersion, other: ModelVersion, answers: tuple[str, str], *, seed: int, true: str = "", **owner):
    """An upload that both models have classified; its true class is said of the first one's prediction."""
    first = make_prediction(seed=seed, predicted_class=answers[0], corrected_class=true, abstained=False, **owner)
    second = Prediction.objects.get(pk=first.pk)
    second.pk, second.model_version = uuid4(), other
    second.predicted_class, second.corrected_class = answers[1], ""
    second._state.adding = True
    second.save()
    return first


def test_uploads_of_the_person_alone_are_compared(shipped, other):
    olena, petro = make_user("olena"), make_user("petro")
    both(shipped, other, ("cat", "cat"), seed=1, true="cat", owner=olena)
    both(shipped, other, ("cat", "dog"), seed=2, true="cat", owner=olena)
    different = both(shipped, other, ("cat", "ship"), seed=3, owner=olena)
    both(shipped, other, ("cat", "dog"), seed=4, true="dog", owner=petro)
    make_prediction(seed=5, owner=olena)
    found = on_uploads(shipped, other, predictions_of(Owner(user=olena)))
    assert (found.count, found.agreed, found.reviewed) == (3, 1, 2)
    assert (found.first_right, found.second_right, found.is_proven) == (2, 1, False)
    client = Client()
    client.force_login(olena)
    page = client.get(address(shipped, other)).text
    shown = {one["data-disagreement"] for one in elements(page, "data-disagreement")}
    assert len(shown) == 2
    assert str(different.upload_id) in shown


def test_many_uneven_flips_are_no_chance(shipped, other):
    olena = make_user("olena")
    for seed in range(8):
        both(shipped, other, ("dog", "cat"), seed=seed, true="cat", owner=olena)
    found = on_uploads(shipped, other, predictions_of(Owner(user=olena)))
    assert (found.first_alone, found.second_alone, found.is_proven) == (0, 8, True)
