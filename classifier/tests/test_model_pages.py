from dataclasses import replace

import pytest
from django.test import Client

from classifier.model_description import description
from classifier.model_figures import figures
from classifier.services import model_use
from classifier.services.publishing import publish
from classifier.tests.factories import SHIPPED_FOLDER, another_model, make_prediction, make_training_run
from classifier.tests.pages import elements
from ml import artifacts
from ml.artifacts import HISTORY_FILE

pytestmark = pytest.mark.django_db(transaction=True)


def rows(page: str) -> list[str]:
    return [row["data-version"] for row in elements(page, "data-version")]


def test_anyone_reads_which_models_there_are_and_which_one_answers(client, shipped, models_dir):
    publish(folder=another_model(models_dir / "another"))
    page = client.get("/models/")
    assert page.status_code == 200
    assert rows(page.text) == ["student_cnn v1", "another v1"]
    assert page.text.count(">answers<") == 1
    assert f"{100 * shipped.test_accuracy:.2f}%" in page.text
    assert "11,332,138" in page.text


def test_a_site_without_models_says_so(client, shipped):
    shipped.delete()
    assert "No model has been published yet." in client.get("/models/").text


def test_model_page_shows_every_version_in_words_figures_and_pictures(client, shipped, models_dir):
    publish(folder=another_model(models_dir / "student_cnn-2", name="student_cnn"))
    page = client.get("/models/student_cnn/").text
    assert rows(page) == ["student_cnn v2", "student_cnn v1"]
    assert "It has 11,332,138 parameters" in page
    assert "Expected calibration error on the test split" in page
    assert "<polyline" in page
    pictures = [picture["src"] for picture in elements(page, "src") if "/models/" in picture["src"]]
    assert "/models/student_cnn/1/confusion.png" in pictures
    for address in pictures:
        picture = client.get(address)
        assert picture.status_code == 200
        assert b"".join(picture).startswith(b"\x89PNG")
    assert all(picture["alt"] for picture in elements(page, "alt") if "/models/" in picture["src"])
    assert all(picture["width"].isdigit() for picture in elements(page, "src") if "/models/" in picture["src"])


@pytest.mark.parametrize(("count", "shown"), [(199, False), (200, True)])
def test_calibration_of_a_handful_of_test_images_is_not_shown(client, shipped, count, shown):
    shipped.card["metrics"]["test"]["count"] = count
    shipped.save()
    page = client.get("/models/student_cnn/").text
    assert f"of {count} images (95% interval" in page
    assert ("Brier" in page, "calibration error on the test" in page, "reliability.png" in page) == (shown,) * 3
    table = client.get("/models/").text
    error = shipped.card["metrics"]["test"]["expected_calibration_error"]
    assert (f">{100 * error:.2f}%<" in table) == shown


def test_page_says_how_often_people_found_its_answers_right(client, shipped):
    page = client.get("/models/student_cnn/")
    assert elements(page, "data-volunteered") == []
    for seed, right in enumerate([True, True, True, False, None]):
        make_prediction(seed=seed, was_right=right)
    page = client.get("/models/student_cnn/")
    assert [float(element["data-volunteered"]) for element in elements(page, "data-volunteered")] == [0.75]
    assert "75.00% of 4 corrected uploads (95% interval 30.06% to 95.44%); volunteered" in page.text


def test_page_names_the_training_run(client, shipped):
    run = make_training_run()
    shipped.training_run = run
    shipped.save()
    assert f'href="/training/{run.pk}/"' in client.get("/models/student_cnn/").text


def test_folder_without_history_or_pictures_has_a_page_all_the_same(client, models_dir):
    folder = another_model(models_dir / "another")
    for path in folder.glob("*.png"):
        path.unlink()
    folder.joinpath(HISTORY_FILE).unlink()
    publish(folder=folder)
    page = client.get("/models/another/")
    assert page.status_code == 200
    assert "<figure" not in page.text


def test_predictions_are_counted_only_so_far(client, shipped, monkeypatch):
    for seed in range(3):
        make_prediction(seed=seed)
    assert ">3</dd>" in client.get("/models/student_cnn/").text
    monkeypatch.setattr(model_use, "MOST_COUNTED", 2)
    monkeypatch.setattr("classifier.model_pages.MOST_COUNTED", 2)
    assert "more than 3" in client.get("/models/student_cnn/").text


@pytest.mark.parametrize(
    "address",
    [
        "/models/nobody/",
        "/models/student_cnn/2/confusion.png",
        "/models/student_cnn/1/mistakes.png",
        "/models/student_cnn/1/../../secret.png",
        "/models/student_cnn/1/thumbnails/confusion.png",
        "/models/student_cnn/1/%2e%2e/student_cnn/confusion.png",
    ],
)
def test_nothing_else_is_served(client, shipped, address):
    assert client.get(address).status_code == 404


def test_pages_speak_ukrainian(shipped):
    client = Client(headers={"accept-language": "uk"})
    assert "Точність на тесті" in client.get("/models/").text
    assert "параметрів і бачить" in client.get("/models/student_cnn/").text


def test_figures_say_what_their_images_were_used_for():
    photographs = artifacts.load_evaluation(SHIPPED_FOLDER.parent / "cifar10_duo", "photographs")
    two = dict(figures(artifacts.load_card(SHIPPED_FOLDER.parent / "cifar10_duo"), photographs))
    one = dict(figures(artifacts.load_card(SHIPPED_FOLDER), photographs))
    assert "Accuracy on the validation images, used to choose the epoch" in one
    assert two["No test where they are of ImageNet"] == "the network for photographs has learnt from ImageNet"
    assert "No test where they are of ImageNet" not in one


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "1 s"), (31, "31 s"), (600, "10 min"), (7_000, "1.9 h")])
def test_time_of_training_is_never_rounded_to_nothing(seconds, said):
    card = artifacts.load_card(SHIPPED_FOLDER)
    quick = replace(card, training={**card.training, "seconds": seconds})
    assert any(f"That took {said} on " in sentence for sentence in description(quick))
    assert any(f" epochs in {said} on " in value for _, value in figures(quick, None))


def test_a_subset_of_the_test_split_is_named():
    card = artifacts.load_card(SHIPPED_FOLDER)
    limited = replace(card, dataset={**card.dataset, "test_images": 500, "test_images_available": 10_000})
    assert "It was tested on 500 of the 10,000 test images." in description(limited)
    assert not any("It was tested on" in sentence for sentence in description(card))
