"""A network for one's own classes: trained, evaluated and served from a folder of pictures."""

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from django.test import Client
from PIL import Image

from classifier.models import ModelVersion
from classifier.services.models.publishing import publish
from classifier.tests.factories import environment, image_file, make_superuser, make_user, manage, pictures
from classifier.tests.migrated import migrate
from classifier.tests.pages import elements, probabilities_of, result_of
from classifier.tests.parity import assert_site_predicts_as_evaluated
from ml.artifacts.folder import load_card

pytestmark = pytest.mark.django_db(transaction=True)

CLASSES = ["Кульбаба", "rose & thorn", "$x_$"]


class Trained(NamedTuple):
    pictures: Path
    model: Path
    env: dict[str, str]
    errors: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Trained:
    """A model of three classes that the real command has trained for an epoch, and a site of its own that knows it."""
    folder = tmp_path_factory.mktemp("garden")
    source = pictures(folder / "garden", CLASSES, count=12, side=24)
    env = environment(folder, MODELS_DIR=str(folder / "models"))
    migrate(env)
    size = ["--image-size", "16", "--epochs", "1", "--batch-size", "8"]
    done = manage("train", "--data-dir", str(source), "--name", "garden", "--activate", *size, env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    return Trained(source, folder / "models" / "garden", env, done.stderr)


@pytest.fixture
def published(trained, settings, tmp_path) -> ModelVersion:
    """A copy of it, published here, that answers."""
    shutil.copytree(trained.model, tmp_path / "models" / "garden")
    settings.MODELS_DIR = tmp_path / "models"
    return publish(folder=tmp_path / "models" / "garden", activate=True)


def test_training_publishes_a_model_of_the_folders_classes(trained):
    card = load_card(trained.model)
    assert [*card.class_names] == sorted(CLASSES)
    assert card.input_shape == (16, 16, 3)
    assert (card.dataset["name"], card.dataset["test_images"], card.dataset["validation_images"]) == ("garden", 4, 4)


def test_a_model_of_four_test_images_is_published_and_not_activated_unasked(trained):
    said = " ".join(trained.errors.split())
    assert "garden v1 was tested on only 4 images" in said
    later = "models activate garden@1 --yes"
    assert f"garden v1 was published but not activated. To activate it anyway: manage.py {later}" in said
    assert "garden v1 is now active." in manage(*later.split(), env=trained.env).stdout


def test_commands_use_the_classes_of_the_folder(trained):
    picture = str(trained.pictures / "$x_$" / "0.png")
    answer = json.loads(manage("classify", picture, "--json", env=trained.env).stdout)
    assert answer["model"] == "garden v1"
    assert sorted(answer["probabilities"]) == sorted(CLASSES)
    evaluated = manage("evaluate", "garden", "--data-dir", str(trained.pictures), env=trained.env).stdout
    assert "garden: test split of garden, 4 images" in evaluated
    assert "This data differs" not in evaluated
    stated = re.search(r"^The card states ([\d.]+%)\.$", evaluated, re.M)[1]
    assert re.search(rf"^accuracy +{stated} ", evaluated, re.M)


def test_site_predicts_as_the_model_was_evaluated(published, trained, tmp_path):
    files = sorted(trained.pictures.rglob("*.png"))[:4]
    assert_site_predicts_as_evaluated(np.stack([np.asarray(Image.open(file)) for file in files]), tmp_path)


def test_trained_model_is_exported_again_as_the_next_version(trained):
    done = manage("export_model", "garden", "--data-dir", str(trained.pictures), env=trained.env)
    assert "Published as garden v2 in " in done.stdout, done.stderr
    first, second = load_card(trained.model), load_card(trained.model.with_name("garden-2"))
    for kept in ("name", "architecture", "recipe", "seed", "dataset", "training", "framing"):
        assert getattr(second, kept) == getattr(first, kept)
    assert second.metrics["test"]["accuracy"] == first.metrics["test"]["accuracy"]
    assert "garden v2: unchanged" in manage("models", "verify", "garden@2", env=trained.env).stdout


def test_pages_show_the_folders_class_names(published):
    client = Client()
    client.force_login(make_user())
    page = client.post("/", {"image": image_file()}, follow=True)
    result = result_of(page)
    assert (result["data-model"], sorted(probabilities_of(page))) == ("garden v1", sorted(CLASSES))
    assert re.search(r"It can recognise:\s+\$x_\$, rose &amp; thorn, Кульбаба\.", client.get("/").text)
    assert "rose &amp; thorn" in client.get(f"/predictions/{result['data-prediction']}/").text
    named = "rose &amp; thorn" if result["data-class"] == "rose & thorn" else result["data-class"]
    assert named.lower() in client.get("/history/").text.lower()


def test_admin_lists_the_folders_class_names(published):
    admin = Client()
    admin.force_login(make_superuser())
    admin.post("/", {"image": image_file()})
    page = admin.get("/admin/classifier/prediction/").text
    for name in ("Кульбаба", "rose &amp; thorn", "$x_$"):
        assert name in page
    assert [link for link in elements(page, "href") if link["href"].startswith("?class=rose")]
