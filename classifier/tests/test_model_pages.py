from dataclasses import replace

import pytest
from django.test import Client

from classifier.presentation.confusion import confusion
from classifier.presentation.model_description import description
from classifier.presentation.model_figures import figures
from classifier.services.models import model_use
from classifier.services.models.publishing import publish
from classifier.tests.factories import SHIPPED_FOLDER, another_model, make_prediction, make_training_run
from classifier.tests.pages import elements
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import HISTORY_FILE
from ml.artifacts.mistakes import load_mistakes
from ml.training.recipes import find_recipe

pytestmark = pytest.mark.django_db(transaction=True)

FILES = ("model.keras", "model.tflite", "card.json")


def rows(page: str) -> list[str]:
    return [row["data-version"] for row in elements(page, "data-version")]


def test_anyone_can_list_the_models_and_the_active_one(client, shipped, models_dir):
    publish(folder=another_model(models_dir / "another"))
    page = client.get("/models/")
    assert page.status_code == 200
    assert rows(page.text) == ["student_cnn v1", "another v1"]
    assert page.text.count(">active<") == 1
    assert f"{100 * shipped.test_accuracy:.2f}%" in page.text
    assert "11,332,138" in page.text


def test_a_site_without_models_says_so(client, shipped):
    shipped.delete()
    assert "No models have been published yet." in client.get("/models/").text


def test_model_page_shows_every_version_in_words_figures_and_pictures(client, shipped, models_dir):
    publish(folder=another_model(models_dir / "student_cnn-2", name="student_cnn"))
    page = client.get("/models/student_cnn/").text
    assert rows(page) == ["student_cnn v2", "student_cnn v1"]
    assert "Parameters: 11,332,138" in page
    assert "Expected calibration error on the test split" in page
    assert "<polyline" in page
    pictures = [picture["src"] for picture in elements(page, "src") if "/models/" in picture["src"]]
    assert "/models/student_cnn/1/network.png" in pictures
    # What the page draws itself can be downloaded as a picture too.
    downloads = [link["href"] for link in elements(page, "download") if link["href"].endswith(".png")]
    assert "/models/student_cnn/1/confusion.png" in downloads
    pictures += downloads
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
    assert ("Brier" in page, "calibration error on the test" in page, "Share correct" in page) == (shown,) * 3
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
    assert "75.00% of 4 reviewed uploads (95% interval 30.06% to 95.44%); self-selected sample" in page.text


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
    assert 'class="plot"' not in page.text
    assert "<polyline" not in page.text


def test_predictions_are_counted_only_so_far(client, shipped, monkeypatch):
    for seed in range(3):
        make_prediction(seed=seed)
    assert ">3</dd>" in client.get("/models/student_cnn/").text
    monkeypatch.setattr(model_use, "MOST_COUNTED", 2)
    monkeypatch.setattr("classifier.presentation.model_pages.MOST_COUNTED", 2)
    assert "more than 3" in client.get("/models/student_cnn/").text


@pytest.mark.parametrize(
    "address",
    [
        "/models/nobody/",
        "/models/student_cnn/2/confusion.png",
        "/models/student_cnn/1/../../secret.png",
        "/models/student_cnn/1/thumbnails/confusion.png",
        "/models/student_cnn/1/%2e%2e/student_cnn/confusion.png",
    ],
)
def test_nothing_else_is_served(client, shipped, address):
    assert client.get(address).status_code == 404


def test_pages_are_in_ukrainian(shipped):
    client = Client(headers={"accept-language": "uk"})
    assert "Точність на тестових зображеннях" in client.get("/models/").text
    assert "Параметрів: " in client.get("/models/student_cnn/").text


def test_model_says_which_half_of_the_validation_images_chose():
    card = artifacts.load_card(SHIPPED_FOLDER)
    divided = replace(card, dataset={**card.dataset, "selection_images": 2500})
    assert "calibrated on the same images" in " ".join(description(card))
    assert "One half of the 5,000 validation images was used to choose it" in " ".join(description(divided))
    assert "Accuracy on the half of the validation images not used to choose anything" in dict(figures(divided, None))


def test_model_says_how_it_was_trained():
    card = artifacts.load_card(SHIPPED_FOLDER)
    assert "cosine decay to zero" in " ".join(description(card))
    recipe = {**find_recipe("sgd_triangle").as_dict(), "label_smoothing": 0.2}
    found = " ".join(description(replace(card, recipe=recipe)))
    assert "linear decay to zero" in found
    assert "horizontal flip in every second epoch" in found


def test_figures_say_what_their_images_were_used_for():
    photographs = artifacts.load_evaluation(SHIPPED_FOLDER.parent / "cifar10_duo", "photographs")
    one_card, two_card = map(artifacts.load_card, (SHIPPED_FOLDER, SHIPPED_FOLDER.parent / "cifar10_duo"))
    one, two = (dict(figures(card, photographs)) for card in (one_card, two_card))
    said = "These photos are not an independent test set"
    assert "Accuracy on the test split of CIFAR-10 as a JPEG copy" in one
    assert "Accuracy on the validation images, used to choose the epoch" in one
    assert two[said] == (
        "they come from ImageNet, on which the backbone was trained; "
        "the crop was chosen on them; the input size was chosen on them"
    )
    photographs["used_for"] = []
    one, two = (dict(figures(card, photographs)) for card in (one_card, two_card))
    assert (said in one, two[said]) == (False, "if they come from ImageNet, the backbone was trained on them")


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "1 s"), (31, "31 s"), (600, "10 min"), (7_000, "1.9 h")])
def test_time_of_training_is_never_rounded_to_nothing(seconds, said):
    card = artifacts.load_card(SHIPPED_FOLDER)
    quick = replace(card, training={**card.training, "seconds": seconds})
    assert any(f"Training time: {said} on " in sentence for sentence in description(quick))
    assert any(f" epochs in {said} on " in value for _, value in figures(quick, None))


def test_a_subset_of_the_test_split_is_named():
    card = artifacts.load_card(SHIPPED_FOLDER)
    limited = replace(card, dataset={**card.dataset, "test_images": 500, "test_images_available": 10_000})
    assert "Tested on 500 of the 10,000 test images." in description(limited)
    assert not any("Tested on" in sentence for sentence in description(card))


@pytest.mark.parametrize(("rate", "said"), [(0.6, "0.6 images per second"), (349, "349 images per second")])
def test_slow_trainings_have_a_speed(rate, said):
    card = artifacts.load_card(SHIPPED_FOLDER)
    slow = replace(card, training={**card.training, "images_per_second": rate})
    assert any(said in sentence for sentence in description(slow))
    assert any(said in value for _label, value in figures(slow, None))


def test_every_share_has_its_interval(shipped):
    found = dict(figures(shipped.whole_card, artifacts.load_evaluation(SHIPPED_FOLDER, "photographs")))
    shares = [
        value for label, value in found.items() if label.startswith(("Accuracy", "Top-2", "Easiest", "Photo accuracy"))
    ]
    assert len(shares) == 5
    assert all("95% interval" in value for value in [*shares, found["Coverage on the test images"]])


def test_classes_that_are_equally_hard_are_not_told_apart(shipped):
    card = shipped.whole_card
    for figures_of_class in card.metrics["test"]["per_class"].values():
        figures_of_class["recall"] = 0.5
    assert "Easiest and hardest class (recall)" not in dict(figures(card, None))


def test_list_names_the_images_of_each_test(client, shipped):
    page = client.get("/models/").text
    assert "Test accuracy, CIFAR-10 as a JPEG copy" in page
    assert "10,000 images" in page


def test_list_says_how_long_an_image_takes(client, shipped):
    assert "Median time per image" not in client.get("/models/").text
    for seed, milliseconds in enumerate((1.5, 2.5, 70.0)):
        make_prediction(seed=seed, timings={"infer": milliseconds})
    assert "2.5 ms" in client.get("/models/").text


def test_two_models_can_be_chosen_for_comparison(client, shipped, models_dir):
    assert 'name="model"' not in client.get("/models/").text
    publish(folder=another_model(models_dir / "another"))
    boxes = [one for one in elements(client.get("/models/").text, "name") if one["name"] == "model"]
    query = "&".join(f"model={box['value']}" for box in boxes)
    assert "student_cnn v1 minus another v1" in client.get(f"/compare/?{query}").text


def test_confusion_is_a_table_of_the_tests_counts(shipped):
    table = confusion(shipped.whole_card)
    assert table.columns == [row.label for row in table.rows]
    counts = [[cell.count for cell in row.cells] for row in table.rows]
    assert counts == shipped.card["metrics"]["test"]["confusion"]
    assert [cell.right for cell in table.rows[3].cells] == [number == 3 for number in range(10)]
    shades = {cell.shade for row in table.rows for cell in row.cells if not cell.right}
    assert max(shades) < min(row.cells[number].shade for number, row in enumerate(table.rows)) <= 10
    assert all((cell.shade == 0) == (cell.count == 0) for row in table.rows for cell in row.cells)


def test_confusion_leaves_out_a_class_that_the_test_has_nothing_of():
    card = artifacts.load_card(SHIPPED_FOLDER.parent / "cifar10_duo")
    table = confusion(card)
    assert len(card.class_names) == 11
    assert (len(table.columns), len(table.rows)) == (10, 10)


def test_of_many_classes_the_worst_confusions_are_listed(client, shipped):
    names = [f"class{number}" for number in range(16)]
    counts = [[0] * 16 for _name in names]
    for number in range(16):
        counts[number][number] = 10
    counts[2][5], counts[7][1] = 3, 6
    shipped.card |= {"class_names": names}
    shipped.card["metrics"]["test"]["confusion"] = counts
    table = confusion(shipped.whole_card)
    assert table.rows == []
    found = [(pair.true, pair.predicted, pair.count, pair.share) for pair in table.worst]
    assert found == [("class7", "class1", 6, "37.5%"), ("class2", "class5", 3, "23.1%")]


def test_plots_are_translated_into_ukrainian(shipped):
    page = Client(headers={"accept-language": "uk"}).get("/models/student_cnn/").text
    figure = page[page.index('<figure class="confusion">') : page.index("</figure>")]
    assert "літак" in figure.lower()
    assert "airplane" not in figure


def test_files_of_a_model_can_be_downloaded_whole(client, shipped):
    page = client.get("/models/student_cnn/").text
    found = [link["href"] for link in elements(page, "download") if "/files/" in link["href"]]
    assert [address.rpartition("/")[2] for address in found] == [*FILES, "history.csv"]
    for address in found[:3]:
        response = client.get(address)
        name = address.rpartition("/")[2]
        assert response["Content-Disposition"] == f'attachment; filename="student_cnn-1-{name}"'
        assert b"".join(response) == (SHIPPED_FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    "path", ["statistics.npz", "../card.json", "thumbnails/model.keras", "evaluation-photographs", ""]
)
def test_nothing_else_in_the_folder_can_be_downloaded(client, shipped, path):
    assert client.get(f"/models/student_cnn/1/files/{path}").status_code == 404


def test_each_network_of_a_model_can_be_downloaded(client, shipped):
    publish(folder=SHIPPED_FOLDER.parent / "cifar10_duo")
    page = client.get("/models/cifar10_duo/").text
    found = [
        link["href"].partition("/1/")[2] for link in elements(page, "download") if not link["href"].endswith("png")
    ]
    assert found == [
        "files/card.json",
        *(f"files/thumbnails/{name}" for name in (*FILES, "history.csv")),
        *(f"files/photographs/{name}" for name in FILES),
    ]
    lines = client.get("/models/cifar10_duo/1/files/thumbnails/history.csv").text.splitlines()
    assert lines[0] == "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds"
    assert len(lines) == 1 + 36


def test_most_confident_mistakes_are_shown_in_the_readers_language(shipped):
    publish(folder=SHIPPED_FOLDER.parent / "cifar10_duo")
    client = Client(headers={"accept-language": "uk"})
    page = client.get("/models/cifar10_duo/").text
    mistakes = load_mistakes(SHIPPED_FOLDER.parent / "cifar10_duo" / "thumbnails")
    (first, *others) = mistakes.items
    assert page.count("насправді: ") == len(mistakes.items) == 1 + len(others)
    assert f'viewBox="{first.left} {first.top} 32 32"' in page
    (address,) = {one["href"] for one in elements(page, "href") if "mistakes.png" in one["href"]}
    assert b"".join(client.get(address)).startswith(b"\x89PNG")
