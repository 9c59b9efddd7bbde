import csv

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from classifier.models import Prediction
from classifier.services.history.correction import correct
from classifier.services.models.publishing import publish
from classifier.services.predictions.rescoring import rescore
from classifier.tests.factories import certain_model, doubtful_model, make_prediction

pytestmark = pytest.mark.django_db(transaction=True)


def report(capsys, *arguments: str) -> str:
    call_command("rescore", *arguments)
    return capsys.readouterr().out


@pytest.fixture
def predictions(shipped) -> list[Prediction]:
    return [make_prediction(seed=seed, abstained=False) for seed in range(3)]


def test_same_model_answers_the_same(shipped, capsys):
    for seed in range(3):
        make_prediction(seed=seed)
    assert "student_cnn v1 changes 0 of 3 predictions (0.0%)." in report(capsys, "--model", "student_cnn")


def test_flips_are_counted_and_written_and_nothing_is_stored(predictions, models_dir, tmp_path, capsys):
    publish(folder=doubtful_model(models_dir / "doubtful"))
    before = list(Prediction.objects.order_by("pk").values())
    shown = report(capsys, "--model", "doubtful", "--csv", str(tmp_path / "flips.csv"))
    assert "doubtful v1 changes 3 of 3 predictions (100.0%)." in shown
    assert "-> none" in shown
    assert "corrected" not in shown
    assert list(Prediction.objects.order_by("pk").values()) == before
    with (tmp_path / "flips.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["prediction"] for row in rows} == {str(prediction.pk) for prediction in predictions}
    assert {row["after"] for row in rows} == {"none"}


def test_corrections_tell_what_gets_better_and_what_worse(predictions, user, models_dir, capsys):
    publish(folder=doubtful_model(models_dir / "doubtful"))
    correct(prediction=predictions[0], label="none", user=user)
    correct(prediction=predictions[1], label=predictions[1].predicted_class, user=user)
    shown = report(capsys, "--model", "doubtful")
    assert "Of 2 reviewed predictions, 1 become correct and 1 become incorrect." in shown


def test_rescored_prediction_equals_a_real_one(predictions, models_dir):
    version = publish(folder=certain_model(models_dir / "certain"), activate=True)
    found = {one.prediction_id: one for one in rescore(version=version)}
    for prediction in predictions:
        one = found[prediction.pk]
        assert (one.after, one.confidence) == (prediction.predicted_class, pytest.approx(prediction.confidence))


def test_file_that_is_gone_is_counted(predictions, capsys):
    default_storage.delete(predictions[0].upload.file.name)
    shown = report(capsys, "--model", "student_cnn")
    assert "of 2 predictions" in shown
    assert "1 files could not be read." in shown


def test_nothing_stored_is_nothing_rescored(shipped, capsys):
    assert "changes 0 of 0 predictions." in report(capsys, "--model", "student_cnn")


def test_wrong_argument_is_named(shipped, tmp_path):
    with pytest.raises(CommandError, match="There is no model 'nobody'"):
        call_command("rescore", "--model", "nobody")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("rescore", "--model", "student_cnn", "--csv", str(tmp_path))
