"""A model of two networks on the site: which one answered, what it saw, and "none of these" as an answer."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from PIL import Image

from classifier.models import ModelVersion, Prediction
from classifier.services.models.publishing import publish, register_shipped
from classifier.tests.factories import SHIPPED_FOLDER, image_file, linked_model, pictures
from classifier.tests.pages import probabilities_of, result_of
from classifier.tests.parity import assert_site_predicts_as_evaluated
from ml.building import composite, photograph_writing
from ml.classes import CLASS_NAMES, NONE_CLASS
from ml.data.dataset import Dataset, Split
from ml.tests.factories import encode, scene, some_images

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def both_folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("two-networks")
    thumbnails = np.stack([np.asarray(scene(128, seed).resize((32, 32))) for seed in range(20)])
    split = Split(thumbnails, np.arange(20) % 10)
    dataset = Dataset("Scenes", CLASS_NAMES, split, split, split, "sha256:scenes")

    def report(step: str) -> None: ...

    compared = replace(dataset, validation=Split(some_images(4), np.arange(4)))
    photograph_writing.write(root / "photographs", compared, size=96, report=report)
    composite.combine(
        root / "both",
        thumbnails=SHIPPED_FOLDER,
        photographs=root / "photographs",
        dataset=dataset,
        report=report,
    )
    return root / "both"


@pytest.fixture
def both(both_folder) -> ModelVersion:
    """The active model."""
    return publish(folder=both_folder, activate=True)


def upload(client, picture: Image.Image) -> str:
    return client.post("/", {"image": image_file("picture.png", encode(picture, "PNG"))}, follow=True).text


def small() -> Image.Image:
    return scene(128).resize((32, 32))


LABELS_OF_NETWORKS = {"thumbnails": "thumbnail network", "photographs": "photo network"}


@pytest.mark.parametrize(
    ("picture", "network", "words"),
    [
        (small(), "thumbnails", "whole image, 32 × 32 pixels"),
        (small().resize((400, 300)), "photographs", "centre crop, 96 × 96 pixels"),
        (small().resize((64, 400)), "thumbnails", "whole image, 32 × 32 pixels"),
        (scene(256), "photographs", "centre crop, 96 × 96 pixels"),
    ],
    ids=["thumbnail", "enlarged", "narrow", "photograph"],
)
def test_page_and_receipt_say_which_network_answered_and_what_it_saw(client, both, picture, network, words):
    page, prediction = upload(client, picture), Prediction.objects.get()
    assert prediction.network == result_of(page)["data-network"] == network
    receipt = client.get(f"/predictions/{prediction.pk}/").text
    assert LABELS_OF_NETWORKS[network] in page
    assert f"{LABELS_OF_NETWORKS[network]}, {both.card['networks'][network]['architecture']}" in receipt
    assert words in receipt


def test_receipt_is_translated_into_ukrainian(client, both):
    upload(client, scene(256))
    prediction = Prediction.objects.get()
    with translation.override("uk"):
        page = client.get(f"/predictions/{prediction.pk}/", headers={"accept-language": "uk"}).text
    assert "мережа для фото" in page
    assert "середина зображення, 96 × 96 пікселів" in page


def test_none_of_these_is_an_answer_with_a_bar_and_never_the_class(client, both):
    page, prediction = upload(client, scene(256)), Prediction.objects.get()
    probabilities = probabilities_of(page)
    assert set(probabilities) == {*CLASS_NAMES, NONE_CLASS}
    assert "None of the classes" in page
    assert prediction.predicted_class in CLASS_NAMES
    assert prediction.confidence == pytest.approx(max(probabilities[name] for name in CLASS_NAMES), abs=1e-6)
    assert prediction.abstained == (probabilities[NONE_CLASS] > 0.5)
    assert prediction.abstention_score == pytest.approx(1 - probabilities[NONE_CLASS], abs=1e-5)


def test_image_of_no_class_is_described_as_none_of_the_ten(client, both):
    page, prediction = upload(client, scene(256)), Prediction.objects.get()
    # Noise with texture is none of the ten to a network that has seen photographs.
    assert prediction.abstained
    assert "None of the 10 classes seems to fit" in page


def test_first_page_names_the_ten_classes_alone(client, both):
    page = client.get("/").text
    assert "airplane, automobile, bird" in page
    assert "none of the classes" not in page.lower()


def test_page_and_command_answer_as_it_was_evaluated(both, tmp_path):
    for images in (some_images(3), np.asarray(scene(256))[np.newaxis]):
        assert_site_predicts_as_evaluated(images, tmp_path)


def test_evaluation_on_photographs_counts_what_each_network_answered(both, both_folder, tmp_path):
    folder = pictures(tmp_path / "photos", ["bird", "none"], side=32)
    (folder / "bird" / "scene.png").write_bytes(encode(scene(256), "PNG"))
    output = io.StringIO()
    call_command("evaluate", str(both_folder), "--photos", str(folder), stdout=output)
    lines = output.getvalue().split("answered by")[1].splitlines()
    assert [line.split() for line in lines[1:3]] == [["thumbnails", "6"], ["photographs", "1"]]
    assert "* margin" in output.getvalue()


def test_evaluation_on_a_data_set_of_its_ten_classes(both, both_folder, cifar10_folder):
    output = io.StringIO()
    call_command(
        "evaluate", str(both_folder), "--data-dir", str(cifar10_folder), "--split", "validation", stdout=output
    )
    assert "each network's" in output.getvalue()
    assert "2,500 images, which chose the epoch" in output.getvalue()


def test_of_the_shipped_models_the_one_of_two_networks_answers(both_folder, settings, tmp_path):
    ModelVersion.objects.all().delete()
    settings.MODELS_DIR = tmp_path / "models"
    linked_model(settings.MODELS_DIR / "a_student")
    (settings.MODELS_DIR / "both").symlink_to(both_folder)
    register_shipped()
    assert ModelVersion.objects.get(active=True).name == "both"


def combine(*arguments: object) -> str:
    output = io.StringIO()
    call_command("combine", *map(str, arguments), stdout=output)
    return output.getvalue()


@pytest.mark.endurance
def test_command_puts_a_model_together_and_publishes_it(models_dir, cifar10_folder):
    new = ("two", "--thumbnails", "student_cnn", "--image-size", 96, "--data-dir", cifar10_folder)
    said = combine(*new, "--activate")
    version = ModelVersion.objects.get(active=True)
    assert said.endswith("%). Published as two v1.\ntwo v1 is now active.\n")
    assert "% of 10,000 test images of CIFAR-10 (95% interval " in said
    assert (version.name, [*version.card["networks"]]) == ("two", ["thumbnails", "photographs"])
    assert version.card["metrics"]["test"]["count"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two", "--thumbnails", "none"], "There is no model 'none'"),
        (["Two", "--thumbnails", "student_cnn"], "A model cannot be called 'Two'"),
        (["student_cnn", "--thumbnails", "student_cnn"], "already exists"),
        (["two", "--thumbnails", "student_cnn", "--data-dir", "/nowhere"], "There is no data set in /nowhere"),
        (["two", "--thumbnails", "student_cnn", "--image-size", "16"], "'16' is not a whole number from 32 to 512"),
    ],
)
def test_wrong_argument_is_named_and_leaves_nothing(arguments, message, models_dir):
    with pytest.raises(CommandError, match=message):
        combine(*arguments)
    assert [path.name for path in models_dir.iterdir()] == ["student_cnn"]
