"""The training images most like a picture: an index is built by a command, and "Why?" shows the five nearest."""

import base64
import io
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from classifier.models import ModelVersion, Prediction
from classifier.services.models.publishing import delete_version, publish
from classifier.services.models.verification import verify_version
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import classify
from classifier.services.predictions.intake import read_image
from classifier.tests.browser import sign_in
from classifier.tests.factories import (
    BASE_DIR,
    SHIPPED_FOLDER,
    another_model,
    environment,
    image_file,
)
from classifier.tests.pages import elements
from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.folder import NEIGHBOURS_FOLDER
from ml.classes import CLASS_NAMES
from ml.data import cifar10
from ml.data.dataset import Dataset
from ml.serving.neighbours import build
from ml.tests.factories import encode, scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def colours(picture_folder) -> Dataset:
    """Ten training images, one of each class."""
    return readers.load_dataset(picture_folder)


def model_of(folder: Path, dataset: Dataset) -> Path:
    """A model that says of itself that it was trained on this data set."""
    entry = {"name": dataset.name, "fingerprint": dataset.fingerprint, "limit": None}
    return another_model(folder, dataset=entry, metrics={})


@pytest.fixture
def coloured(models_dir, colours) -> ModelVersion:
    """The active model, trained on the ten pictures as it says."""
    return publish(folder=model_of(models_dir / "coloured", colours), activate=True)


def build_neighbours(*arguments: object) -> str:
    output = io.StringIO()
    call_command("build_neighbours", *map(str, arguments), stdout=output, stderr=io.StringIO())
    return output.getvalue()


def upload(owner, pixels: np.ndarray | Image.Image) -> Prediction:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    return classify(image=read_image(image_file("a.png", encode(picture, "PNG"))), owner=Owner(user=owner))


def page_of(client, prediction: Prediction, language: str = "en") -> str:
    page = client.get(f"/predictions/{prediction.pk}/explanation/", headers={"accept-language": language})
    assert page.status_code == 200
    return page.text


def pictures_on(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def index_of(version: ModelVersion) -> Path:
    return version.path / NEIGHBOURS_FOLDER


def test_index_of_the_active_model_is_built_and_shown(coloured, colours, picture_folder, user, user_client):
    said = build_neighbours("--data-dir", picture_folder)
    assert re.fullmatch(r"10 training images of colours in .*/coloured/neighbours, \d+ kB\.\n", said)
    page = page_of(user_client, upload(user, colours.train.images[3]))
    shown = elements(page, "data-neighbour")
    assert len(shown) == 5
    label = int(colours.train.labels[3])
    assert shown[0]["data-neighbour"] == CLASS_NAMES[label]
    assert float(shown[0]["data-similarity"]) == pytest.approx(1, abs=1e-4)
    assert [one["data-similarity"] for one in shown] == sorted((one["data-similarity"] for one in shown), reverse=True)
    assert "Most similar of the 10 training images:" in page
    assert f"A training image of the class “{CLASS_NAMES[label]}”" in page
    assert ">identical</small>" in page
    pictures = pictures_on(page)
    assert np.array_equal(pictures[0], colours.train.images[3])
    learnt = {image.tobytes() for image in colours.train.images}
    assert all(picture.tobytes() in learnt for picture in pictures)


def test_nothing_is_said_without_an_index(coloured, colours, user, user_client):
    page = page_of(user_client, upload(user, colours.train.images[0]))
    assert "What the network saw" in page
    assert "Most similar of the" not in page
    assert elements(page, "data-neighbour") == []


def test_script_gets_them_too_and_a_stranger_does_not(coloured, colours, picture_folder, user, user_client, client):
    build_neighbours("--model", "coloured", "--data-dir", picture_folder)
    address = f"/predictions/{upload(user, colours.train.images[0]).pk}/explanation/"
    assert len(elements(user_client.get(address, headers={"HX-Request": "true"}), "data-neighbour")) == 5
    assert client.get(address).status_code == 404


def damage(version: ModelVersion) -> None:
    (index_of(version) / "features.npy").write_bytes(b"nothing")


def of_another_graph(version: ModelVersion) -> None:
    path = index_of(version) / "index.json"
    path.write_text(re.sub(r'"graph": "\w+"', f'"graph": "{"0" * 64}"', path.read_text()))


@pytest.mark.parametrize(
    ("change", "message"), [(damage, "cannot be read"), (of_another_graph, "was built for a different network")]
)
def test_index_that_cannot_be_used_is_logged_and_the_rest_is_shown(
    coloured, picture_folder, user, user_client, caplog, change, message
):
    build_neighbours("--data-dir", picture_folder)
    change(coloured)
    page = page_of(user_client, upload(user, scene(64)))
    assert "data-same" in page
    assert elements(page, "data-neighbour") == []
    assert message in caplog.text


def test_published_model_stays_what_it_was_and_goes_with_its_index(coloured, picture_folder, models_dir):
    build_neighbours("--data-dir", picture_folder)
    assert verify_version(version=coloured) is None
    assert publish(folder=coloured.path) == coloured
    publish(folder=another_model(models_dir / "next"), activate=True)
    delete_version(version=coloured)
    assert not coloured.path.exists()


def test_of_two_networks_only_thumbnails_have_neighbours(models_dir, colours, user, user_client):
    source, folder = SHIPPED_FOLDER.parent / "cifar10_duo", models_dir / "duo"
    shutil.copytree(source, folder, copy_function=os.symlink, ignore=shutil.ignore_patterns(*artifacts.MADE_LATER))
    publish(folder=folder, activate=True)
    fingerprint = artifacts.load_card(folder).dataset["fingerprint"]
    build(folder, Dataset("Colours", CLASS_NAMES, colours.train, colours.validation, colours.test, fingerprint))
    thumbnail, photograph = upload(user, colours.test.images[0]), upload(user, scene(256))
    assert (thumbnail.network, photograph.network) == ("thumbnails", "photographs")
    assert len(elements(page_of(user_client, thumbnail), "data-neighbour")) == 5
    page = page_of(user_client, photograph)
    assert "What the network saw" in page
    assert "Most similar of the" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "none"], r"There is no model 'none'\. Available: coloured, student_cnn\."),
        (
            ["--model", "student_cnn"],
            r"student_cnn was trained on CIFAR-10, and this is not it, byte for byte: colours",
        ),
        (["--data-dir", "/nowhere"], "There is no data set in /nowhere"),
    ],
)
def test_wrong_argument_is_named_and_leaves_nothing(coloured, picture_folder, models_dir, arguments, message):
    with pytest.raises(CommandError, match=message):
        build_neighbours("--data-dir", picture_folder, *arguments)
    assert [*models_dir.rglob(f"*{NEIGHBOURS_FOLDER}*")] == []


def test_without_an_active_model_one_has_to_be_named(coloured, picture_folder):
    ModelVersion.objects.update(active=False)
    with pytest.raises(CommandError, match="No model is active"):
        build_neighbours("--data-dir", picture_folder)


def test_progress_is_shown_and_ctrl_c_leaves_nothing(cifar10_folder, tmp_path):
    model = model_of(tmp_path / "models" / "long", cifar10.load(cifar10_folder))
    before = sorted(model.iterdir())
    command = [sys.executable, "manage.py", "build_neighbours", "--model", "long", "--data-dir", str(cifar10_folder)]
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=environment(tmp_path, MODELS_DIR=str(tmp_path / "models"), COLUMNS="100"),
        stdout=subprocess.DEVNULL,
        stderr=side,
        # Tests that were started in the background ignore Ctrl-C, and their children would too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    os.close(side)
    with open(terminal, "rb", buffering=0) as errors:
        said = b""
        while b" of 45,000 " not in said:
            said += errors.read(1000)
        process.send_signal(signal.SIGINT)
        # A terminal whose other side is closed cannot be read to its end without an error.
        with suppress(OSError):
            while part := errors.read(1000):
                said += part
    assert process.wait(60) == 130
    assert b"per second" in said
    assert b"Stopped: no new index was written." in said
    assert sorted(model.iterdir()) == before


@pytest.mark.browser
def test_browser_enlarges_them_without_smoothing(coloured, colours, picture_folder, user, open_browser):
    build_neighbours("--data-dir", picture_folder)
    prediction = upload(user, colours.test.images[0])
    page = open_browser(viewport={"width": 375, "height": 800})
    sign_in(page, user)
    page.goto(f"/predictions/{prediction.pk}/")
    page.get_by_role("link", name="Why?").click()
    images = page.get_by_role("img", name=re.compile("^A training image of the class"))
    images.nth(4).wait_for()
    found = images.evaluate_all(
        "images => images.map((image) => [image.naturalWidth, image.width, getComputedStyle(image).imageRendering])"
    )
    assert all((natural, style) == (32, "pixelated") and width > 80 for natural, width, style in found)
    assert len(found) == 5
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
