import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from classifier.tests.factories import another_model, damage, environment, manage, without


def test_figures_are_printed_without_tensorflow(cifar10_folder, tmp_path):
    env = without("tensorflow", "keras", env=environment(tmp_path), folder=tmp_path)
    done = manage("evaluate", "student_cnn", "--data-dir", str(cifar10_folder), env=env)
    assert done.returncode == 0, done.stderr
    assert "student_cnn: test split, 10,000 images" in done.stdout
    figures = re.search(r"accuracy +([\d.]+)% +\(95% interval ([\d.]+)% to ([\d.]+)%\)", done.stdout)
    accuracy, low, high = map(float, figures.groups())
    assert 0 <= low <= accuracy <= high <= 100
    assert low < high
    assert re.search(r"^airplane +[\d.]+% +[\d.]+% +[\d.]+% +1000$", done.stdout, re.MULTILINE)
    assert "These are not the bytes that the card's figures were measured on." in done.stdout


def test_json_can_be_read_by_a_program(cifar10_folder):
    output = io.StringIO()
    arguments = ["student_cnn", "--data-dir", str(cifar10_folder), "--split", "validation", "--json"]
    call_command("evaluate", *arguments, stdout=output)
    figures = json.loads(output.getvalue())
    assert (figures["model"], figures["split"], figures["count"]) == ("student_cnn", "validation", 5000)
    right = sum(row[index] for index, row in enumerate(figures["confusion"]))
    assert figures["accuracy"] == pytest.approx(right / 5000)
    low, high = figures["interval"]
    assert low - 1e-9 <= figures["accuracy"] <= high


def test_unknown_model_is_answered_with_the_names_there_are(models_dir):
    another_model(models_dir / "another")
    with pytest.raises(CommandError, match=r"There is no model 'none'\. There are: another, student_cnn\."):
        call_command("evaluate", "none")


def test_damaged_model_is_not_scored(models_dir):
    damage(models_dir / "student_cnn")
    with pytest.raises(CommandError, match="is not the file its card describes"):
        call_command("evaluate", "student_cnn")


def test_missing_data_is_an_error_that_says_what_to_give():
    with pytest.raises(CommandError, match=r"No CIFAR-10 in /nowhere.*--data-dir"):
        call_command("evaluate", "student_cnn", "--data-dir", "/nowhere")
