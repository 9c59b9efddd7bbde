"""The same images by every way to the same probabilities."""

import io
import json
from pathlib import Path

import numpy as np
from django.core.management import call_command
from django.test import Client
from PIL import Image

from classifier.services.models.serving import active_model
from classifier.tests.factories import image_file
from classifier.tests.pages import probabilities_of
from ml.evaluation import metrics as evaluation
from ml.tests.factories import encode

TOLERANCE = 1e-5


def assert_site_predicts_as_evaluated(images: np.ndarray, folder: Path) -> None:
    """Send images, uint8 (N, height, width, 3), through the upload page and `manage.py classify`, and compare the
    probabilities with those that `manage.py evaluate` computes from the arrays.
    """
    model = active_model().model
    expected = evaluation.run(model.predict, model.prepare_all(images)).probabilities
    files = [encode(Image.fromarray(image), "PNG") for image in images]
    for probabilities in (_by_page(files, model.class_names), _by_command(files, model.class_names, folder)):
        assert np.abs(probabilities - expected).max() < TOLERANCE


def _by_page(files: list[bytes], class_names: tuple[str, ...]) -> np.ndarray:
    client = Client()
    pages = [client.post("/", {"image": image_file("image.png", file)}, follow=True) for file in files]
    return np.array([[probabilities_of(page)[name] for name in class_names] for page in pages])


def _by_command(files: list[bytes], class_names: tuple[str, ...], folder: Path) -> np.ndarray:
    paths = [folder / f"{number}.png" for number in range(len(files))]
    for path, file in zip(paths, files):
        path.write_bytes(file)
    output = io.StringIO()
    call_command("classify", *map(str, paths), "--json", stdout=output)
    found = [json.loads(line)["probabilities"] for line in output.getvalue().splitlines()]
    return np.array([[probabilities[name] for name in class_names] for probabilities in found])
