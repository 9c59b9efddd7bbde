"""A model with one wrong bit makes no prediction: not on the page, by the API, by a command, or for an explanation."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from classifier.models import Prediction, Upload
from classifier.services.models import serving
from classifier.tests.api import PREDICTIONS, problem_of, program
from classifier.tests.factories import image_bytes, image_file, make_prediction, replace
from ml.artifacts.folder import LITERT_FILE, STATISTICS_FILE

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[LITERT_FILE, STATISTICS_FILE])
def file(request, models_dir):
    return models_dir / "student_cnn" / request.param


def damage(path: Path) -> None:
    """Flip one bit in the middle: LiteRT and NumPy would read most files that are damaged so."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    replace(path, bytes(content))


def test_nothing_is_predicted_or_stored_and_the_log_names_the_file(client, user, file, caplog, tmp_path):
    damage(file)
    page = client.post("/", {"image": image_file()})
    assert page.status_code == 503
    assert "No model is available at the moment." in page.content.decode()
    problem_of(program(user).post(PREDICTIONS, {"image": image_file()}), 503)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["model"]) == (503, "missing")
    assert client.get("/healthz").status_code == 200
    (tmp_path / "cat.png").write_bytes(image_bytes())
    with pytest.raises(CommandError, match=f"{file} is not the file its card describes. Restore it or train"):
        call_command("classify", tmp_path / "cat.png")
    assert f"{file} is not the file its card describes. Restore it or train" in caplog.text
    assert not Upload.objects.exists()


def test_process_that_has_loaded_it_before_keeps_its_answers(client, models_dir):
    client.post("/", {"image": image_file()})
    path = models_dir / "student_cnn" / LITERT_FILE
    replace(path, b"")
    client.post("/", {"image": image_file()})
    first, second = Prediction.objects.values_list("probabilities", flat=True)
    assert first == pytest.approx(second)
    serving.forget()
    assert client.post("/", {"image": image_file()}).status_code == 503


def test_damaged_model_explains_nothing(file, user_client, user):
    prediction = make_prediction(user)
    damage(file)
    serving.forget()
    page = user_client.get(f"/predictions/{prediction.pk}/explanation/")
    assert (page.status_code, b"map.png" in page.content) == (200, False)
    assert user_client.get(f"/predictions/{prediction.pk}/map.png").status_code == 404
