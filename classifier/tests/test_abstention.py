"""A model that does not answer what is unlike its training images, on every page that shows its answers."""

import re

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import ngettext

from classifier.models import ModelVersion, Prediction
from classifier.services.models.publishing import publish
from classifier.tests.factories import certain_model, doubtful_model, image_file, make_prediction
from classifier.tests.pages import elements, probabilities_of, result_of
from ml.classes import CLASS_NAMES

STYLE = settings.BASE_DIR / "classifier" / "static" / "classifier" / "site.css"

pytestmark = pytest.mark.django_db(transaction=True)

LABELS = dict(
    zip(CLASS_NAMES, ["літак", "автомобіль", "птах", "кіт", "олень", "пес", "жаба", "кінь", "корабель", "вантажівка"])
)


@pytest.fixture
def doubtful(tmp_path) -> ModelVersion:
    """The active model, which abstains always."""
    return publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)


@pytest.fixture
def certain(tmp_path) -> ModelVersion:
    """The active model, which abstains never."""
    return publish(folder=certain_model(tmp_path / "certain"), activate=True)


def upload(client) -> str:
    return client.post("/", {"image": image_file()}, follow=True).text


def words(page: str) -> str:
    """What a page says between its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_abstention_is_kept_with_its_score(client, doubtful):
    upload(client)
    prediction = Prediction.objects.get()
    assert prediction.abstained
    assert prediction.abstention_score < doubtful.card["abstention"]["thresholds"]["relative_mahalanobis"]
    assert prediction.predicted_class == CLASS_NAMES[prediction.probabilities.index(prediction.confidence)]


def test_model_without_a_score_always_answers(client, certain):
    page, prediction = upload(client), Prediction.objects.get()
    assert result_of(page)["data-abstained"] == "false"
    assert (prediction.abstained, prediction.abstention_score) == (False, None)
    assert "Most likely" in page
    assert "seems to fit" not in page


def test_result_says_that_it_is_none_of_the_classes_and_what_is_nearest(client, doubtful):
    page, prediction = upload(client), Prediction.objects.get()
    result = result_of(page)
    assert (result["data-abstained"], result["data-class"]) == ("true", prediction.predicted_class)
    assert "No answer: the image is unlike those the model was trained on" in page
    assert f"Closest match: {prediction.predicted_class}, {prediction.confidence:.1%}" in words(page)
    assert "Most likely" not in page
    assert len(probabilities_of(page)) == 10


@pytest.mark.parametrize("chosen", ["certain", "doubtful"])
def test_only_an_answer_is_set_in_bold(client, request, chosen):
    """The style sheet does it, by the section's class."""
    request.getfixturevalue(chosen)
    classes = result_of(upload(client))["class"].split()
    assert ("abstained" in classes) == (chosen == "doubtful")
    assert ".result:not(.abstained) .probabilities tbody tr:first-child { font-weight" in STYLE.read_text()


def test_question_after_an_abstention_says_what_is_asked(client, doubtful):
    page = upload(client)
    assert "Does the image show none of the classes?" in page
    assert "Is this correct?" not in page
    yes = next(button for button in elements(page, "value") if button.get("name") == "label")
    assert yes["value"] == "none"
    assert "Yes, none of them" in page
    assert "No, it is one of them" in page


def test_receipt_and_its_title_say_so_too(client, doubtful):
    page = client.get(f"/predictions/{result_of(upload(client))['data-prediction']}/").text
    assert result_of(page)["data-abstained"] == "true"
    assert "No answer: the image is unlike those the model was trained on" in page
    assert re.search(r"<title>\s*No answer · ", page)


def test_history_tells_answers_from_abstentions(client, user, user_client, doubtful):
    make_prediction(user, predicted_class="dog")
    make_prediction(user, predicted_class="cat", confidence=0.875, abstained=False)
    page = words(user_client.get("/history/").text)
    assert page.count("No answer · ") == 1
    assert "No answer · closest: dog" in page
    assert "Cat 87.5%" in page


def test_abstention_outlives_the_model_that_it_was_of(client, doubtful, shipped):
    number = result_of(upload(client))["data-prediction"]
    ModelVersion.objects.filter(pk=doubtful.pk).update(active=False)
    ModelVersion.objects.filter(pk=shipped.pk).update(active=True)
    assert result_of(client.get(f"/predictions/{number}/"))["data-abstained"] == "true"


def test_abstention_is_ukrainian_on_ukrainian_pages(client, doubtful):
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    page, prediction = upload(client), Prediction.objects.get()
    label = LABELS[prediction.predicted_class]
    assert "Без відповіді: зображення не схоже" in page
    assert f"Найближчий варіант: {label}, {100 * prediction.confidence:.1f}%".replace(".", ",") in words(page)
    assert result_of(page)["data-abstained"] == "true"
    assert sum(probabilities_of(page).values()) == pytest.approx(1, abs=1e-5)
    assert f"Без відповіді · найближче: {label}" in words(client.get("/history/").text)
    assert "<title>Без відповіді · " in client.get(f"/predictions/{prediction.pk}/").text


@pytest.mark.parametrize(
    ("count", "classes"), [(2, "2 класів"), (5, "5 класів"), (21, "21 класу"), (100, "100 класів")]
)
def test_ukrainian_counts_the_classes_as_ukrainian_does(count, classes):
    singular, plural = "The %(count)s class does not seem to fit", "None of the %(count)s classes seems to fit"
    with translation.override("uk"):
        text = ngettext(singular, plural, count) % {"count": count}
    assert text == f"Схоже, тут немає жодного з {classes}"
