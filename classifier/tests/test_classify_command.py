import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from classifier.models import ModelVersion, Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.tests.factories import (
    SHIPPED_FOLDER,
    another_model,
    certain_model,
    damage,
    database_url,
    doubtful_model,
    environment,
    image_bytes,
    manage,
    without,
)
from ml.classes import CLASS_NAMES
from ml.images import preprocessing
from ml.serving.inference import LoadedModel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Two images of different kinds; the second one's name is like those that cameras do not give."""
    (tmp_path / "one.jpg").write_bytes(image_bytes())
    (tmp_path / "кіт на вікні").write_bytes(image_bytes("PNG", seed=1))
    return [str(tmp_path / "one.jpg"), str(tmp_path / "кіт на вікні")]


def classify(*arguments: str) -> list[str]:
    output = io.StringIO()
    call_command("classify", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue().splitlines()


def answers(*arguments: str) -> list[dict]:
    return [json.loads(line) for line in classify(*arguments, "--json")]


def test_every_file_gets_a_line_and_nothing_is_stored(files, stored_files):
    lines = classify(*files)
    assert len(lines) == 2
    for file, line in zip(files, lines):
        assert re.match(rf"{file}: ({'|'.join(CLASS_NAMES)}) \d+\.\d%", line)
    assert not Upload.objects.exists()
    assert not Prediction.objects.exists()
    assert stored_files() == []


def test_json_has_what_the_model_says_of_the_same_pixels(files, shipped):
    model = LoadedModel(SHIPPED_FOLDER)
    for file, answer in zip(files, answers(*files), strict=True):
        with open(file, "rb") as content:
            network_input = model.prepare(preprocessing.decode(content.read()).picture)
        expected = model.predict([network_input])
        assert (answer["file"], answer["model"]) == (file, str(shipped))
        assert [*answer["probabilities"].values()] == pytest.approx(expected.probabilities[0].tolist(), abs=1e-6)
        assert [*answer["probabilities"]] == [*CLASS_NAMES]
        assert answer["class"] == CLASS_NAMES[expected.probabilities[0].argmax()]
        assert answer["confidence"] == max(answer["probabilities"].values())
        assert answer["abstained"] == expected.abstained[0]


@pytest.mark.parametrize(("make", "abstained"), [(doubtful_model, True), (certain_model, False)])
def test_abstention_is_marked(make, abstained, files, tmp_path):
    publish(folder=make(tmp_path / "another"), activate=True)
    assert [line.endswith("  (no answer; closest match)") for line in classify(*files)] == [abstained] * 2
    assert [answer["abstained"] for answer in answers(*files)] == [abstained] * 2


def test_files_that_cannot_be_read_are_named_and_the_others_classified(files, tmp_path):
    (tmp_path / "notes.jpg").write_text("This is no photograph.")
    bad = [str(tmp_path / "notes.jpg"), str(tmp_path / "nowhere.jpg"), str(tmp_path / "one.jpg" / "within")]
    env = environment(tmp_path, DATABASE_URL=database_url())
    env = without("tensorflow", "keras", "matplotlib", "rich", env=env, folder=tmp_path)
    done = manage("classify", files[0], *bad, files[1], env=env)
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == files
    assert f"{bad[0]}: This is a text file" in done.stderr
    assert f"{bad[1]}: No such file or directory" in done.stderr
    assert f"{bad[2]}: Not a directory" in done.stderr
    assert "3 of 5 files could not be classified." in done.stderr
    assert "Traceback" not in done.stderr


def test_model_is_chosen_by_name_and_number(files, tmp_path):
    publish(folder=certain_model(tmp_path / "first"))
    for number in (1, 2):
        publish(folder=another_model(tmp_path / f"another-{number}", name="another"))
    for given, answering in (("first", "first v1"), ("another", "another v2"), ("another@1", "another v1")):
        assert [answer["model"] for answer in answers(files[0], "--model", given)] == [answering]
    assert ModelVersion.objects.get(active=True).name == "student_cnn"


@pytest.mark.parametrize("name", ["none", "student_cnn@2", "student_cnn@x"])
def test_unknown_model_is_an_error(files, name):
    with pytest.raises(CommandError, match=f"There is no published model '{name}'"):
        classify(files[0], "--model", name)


def test_without_an_active_model_it_says_so(files):
    ModelVersion.objects.update(active=False)
    with pytest.raises(CommandError, match="No model is active"):
        classify(*files)


def test_model_that_is_not_the_published_one_does_not_answer(files, models_dir):
    publish(folder=another_model(models_dir / "another"))
    (models_dir / "another").rename(models_dir / ".older")
    another_model(models_dir / "another", metrics={})
    with pytest.raises(CommandError, match="no longer contains the files that were published as another v1"):
        classify(*files, "--model", "another@1")
    damage(models_dir / "another")
    with pytest.raises(CommandError, match=r"model\.tflite is not the file its card describes"):
        classify(*files, "--model", "another")
