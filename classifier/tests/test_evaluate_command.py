import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from classifier.services.models.publishing import publish
from classifier.tests.factories import (
    another_model,
    certain_model,
    damage,
    doubtful_model,
    environment,
    linked_model,
    manage,
    pictures,
    without,
)
from ml.artifacts import folder as artifacts
from ml.classes import CLASS_NAMES
from ml.confidence.abstention import SCORES


@pytest.fixture
def photos(tmp_path) -> Path:
    """Six photographs of two classes and four of none of them."""
    folder = pictures(tmp_path / "photos", ["cat", "ship", "none"])
    shutil.copy(folder / "none" / "0.png", folder / "none" / "another.PNG")
    (folder / "README.md").write_text("Who took them.")
    return folder


def test_files_that_cannot_be_read_are_named(tmp_path):
    folder = pictures(tmp_path / "pictures", CLASS_NAMES)
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    errors = io.StringIO()
    call_command("evaluate", "student_cnn", "--data-dir", str(folder), stdout=io.StringIO(), stderr=errors)
    said = " ".join(errors.getvalue().split())
    assert re.search(r"1 file was skipped: \S+/cat/broken\.png: ", said)


def evaluate(*arguments: object) -> str:
    output = io.StringIO()
    call_command("evaluate", *map(str, arguments), stdout=output, stderr=io.StringIO())
    return output.getvalue()


def figures_of(*arguments: object) -> dict:
    return json.loads(evaluate(*arguments, "--json"))


def kept_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_figures_are_printed_without_tensorflow_and_matplotlib(cifar10_folder, models_dir, tmp_path):
    env = environment(tmp_path, MODELS_DIR=str(models_dir))
    env = without("tensorflow", "keras", "matplotlib", env=env, folder=tmp_path)
    done = manage("evaluate", "student_cnn", "--data-dir", str(cifar10_folder), env=env)
    assert done.returncode == 0, done.stderr
    assert "student_cnn: test split of CIFAR-10, 10,000 images" in done.stdout
    figures = re.search(r"accuracy +([\d.]+)% +\(95% interval ([\d.]+)% to ([\d.]+)%\)", done.stdout)
    accuracy, low, high = map(float, figures.groups())
    assert 0 <= low <= accuracy <= high <= 100
    assert low < high
    assert float(re.search(r"top 2 +([\d.]+)%", done.stdout)[1]) >= accuracy
    assert re.search(r"^1 \(as trained\) +[\d.]+ +[\d.]+ +[\d.]+%\n[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+%$", done.stdout, re.M)
    assert re.search(
        r"^answered +[\d.]+%, of these right ([\d.]+% \(95% interval [\d.]+% to [\d.]+%\)|-)$", done.stdout, re.M
    )
    assert re.search(r"^airplane +[\d.]+% +[\d.]+% +[\d.]+% +1000$", done.stdout, re.M)
    confusion = done.stdout.partition("(rows: true class):")[2]
    assert [sum(map(int, row.split())) for row in re.findall(r"^[a-z]+((?: +\d+){10})$", confusion, re.M)] == [
        1000
    ] * 10
    assert "This data differs from the data that the card's figures were measured on." in done.stdout
    assert "without plots. For plots, run: pip install -r requirements.txt" in done.stderr
    assert kept_in(models_dir / "student_cnn" / "evaluation-test") == ["figures.json"]


def test_calibration_is_not_shown_for_a_handful_of_images(picture_folder, models_dir):
    text = evaluate("student_cnn", "--data-dir", picture_folder, "--split", "validation")
    assert "validation split of colours, 10 images, which chose the epoch" in text
    assert "Of fewer than 200 images a calibration error would be chance." in text
    assert "Brier" not in text


def test_json_can_be_read_by_a_program(picture_folder, models_dir):
    figures = figures_of("student_cnn", "--data-dir", picture_folder, "--split", "validation")
    assert (figures["model"], figures["split"], figures["dataset"]) == ("student_cnn", "validation", "colours")
    assert figures["count"] == sum(map(sum, figures["confusion"])) == 10
    right = sum(row[index] for index, row in enumerate(figures["confusion"]))
    assert figures["accuracy"] == pytest.approx(right / 10)
    low, high = figures["interval"]
    assert low - 1e-9 <= figures["accuracy"] <= high
    assert figures["accuracy"] <= figures["top_2_accuracy"] <= 1
    assert {"loss", "brier_score", "expected_calibration_error"} <= set(figures) & set(figures["before_scaling"])


def test_figures_are_kept_with_the_model_in_the_place_of_earlier_ones(picture_folder, models_dir):
    folder = models_dir / "student_cnn"
    before, kept = artifacts.load_card(folder).digest, folder / "evaluation-test"
    kept.mkdir()
    (kept / "left over.png").write_bytes(b"from the last time")
    figures = figures_of("student_cnn", "--data-dir", picture_folder)
    assert json.loads((kept / artifacts.FIGURES_FILE).read_text()) == figures
    drawn = ["confusion.png", "confusion.svg", "mistakes.json", "mistakes.png", "reliability.png", "reliability.svg"]
    assert kept_in(kept) == sorted(["figures.json", *drawn])
    assert [name for name in kept_in(folder) if "evaluation" in name] == ["evaluation-test"]
    assert artifacts.verify(folder).digest == before


def test_photographs_are_scored_by_class_and_by_every_score(photos, models_dir):
    text = evaluate("student_cnn", "--photos", photos)
    assert "student_cnn: 6 photographs of its classes, 4 of none of them" in text
    assert re.findall(r"^([a-z]+) +(?:[\d.]+% \([\d.%-]+\) +){3}(\d+)$", text, re.M) == [("cat", "3"), ("ship", "3")]
    assert re.search(r"^correct and answered [\d.]+%  \(95% interval [\d.]+% to [\d.]+%\)$", text, re.M)
    assert re.search(r"^wrong and answered   [\d.]+%  \(95% interval [\d.]+% to [\d.]+%\)$", text, re.M)
    figures = json.loads((models_dir / "student_cnn" / "evaluation-photographs" / "figures.json").read_text())
    assert (figures["count"], figures["unknown_count"], [*figures["scores"]]) == (6, 4, [*SCORES])
    assert [name for name in SCORES if f"* {name}" in text] == [figures["score"]]
    assert all(0 <= score["auroc"] <= 1 for score in figures["scores"].values())


def test_folder_of_no_class_is_optional(photos, models_dir):
    shutil.rmtree(photos / "none")
    assert re.search(r"^[* ] energy +- +[\d.]+% +-$", evaluate("student_cnn", "--photos", photos), re.M)


@pytest.mark.parametrize(("make", "answered"), [(doubtful_model, 0.0), (certain_model, 1.0)])
def test_share_of_answered_images_follows_from_the_card(make, answered, picture_folder, photos, models_dir):
    make(models_dir / "another")
    split = figures_of("another", "--data-dir", picture_folder)
    assert (split["answered"], split["answered_accuracy"] is None) == (answered, answered == 0)
    of_photos = figures_of("another", "--photos", photos)
    assert (of_photos["answered_accuracy"] is None) == (answered == 0)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], r"There are no photos in .*\. Put them in one subfolder per class"),
        (["none"], "has no photograph of airplane, automobile"),
        (["cat", "zebra"], "zebra is not one of the classes: airplane, .*, truck, none"),
    ],
)
def test_photographs_that_do_not_fit_are_refused(classes, message, models_dir, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(CommandError, match=message):
        evaluate("student_cnn", "--photos", pictures(tmp_path / "photos", classes))
    assert kept_in(models_dir / "student_cnn") == kept_in(linked_model(tmp_path / "untouched"))


def test_photograph_that_cannot_be_read_is_named(photos, models_dir):
    (photos / "cat" / "broken.jpg").write_text("This is no photograph.")
    with pytest.raises(CommandError, match=r"1 of 11 images cannot be read(.|\n)*cat/broken\.jpg: "):
        evaluate("student_cnn", "--photos", photos)


def test_photographs_and_a_data_set_are_not_taken_together(photos, picture_folder):
    with pytest.raises(CommandError, match="Use --data-dir or --photos, not both"):
        evaluate("student_cnn", "--photos", photos, "--data-dir", picture_folder)


def test_data_set_of_other_classes_is_refused(models_dir, tmp_path):
    folder = pictures(tmp_path / "garden", ["rose", "tulip"])
    with pytest.raises(CommandError, match=r"The data set's classes are rose, tulip; the model knows airplane, auto"):
        evaluate("student_cnn", "--data-dir", folder)


def test_earlier_use_of_photographs_is_shown_and_stored(photos, models_dir):
    text = evaluate("student_cnn", "--photos", photos, "--used-for", "backbone", "framing")
    said = "they come from ImageNet, on which the backbone was trained; the crop was chosen on them"
    assert f"These photos are not an independent test set: {said}." in text
    assert artifacts.load_evaluation(models_dir / "student_cnn", "photographs")["used_for"] == ["backbone", "framing"]
    assert "independent test" not in evaluate("student_cnn", "--photos", photos)
    with pytest.raises(CommandError, match="--used-for requires --photos"):
        evaluate("student_cnn", "--used-for", "framing")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="nothing keeps root from writing")
def test_folder_that_cannot_be_written_to_costs_no_figures(photos, models_dir, tmp_path):
    (models_dir / "student_cnn").chmod(0o555)
    # Root writes everywhere, unless it gives that power up.
    wrapper = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    env = environment(tmp_path, MODELS_DIR=str(models_dir))
    done = manage("evaluate", "student_cnn", "--photos", str(photos), env=env, wrapper=wrapper)
    assert done.returncode == 0, done.stderr
    assert "6 photographs of its classes" in done.stdout
    assert re.search(r"The figures were not saved: .*evaluation-photographs cannot be written", done.stderr)
    assert not (models_dir / "student_cnn" / "evaluation-photographs").exists()


@pytest.mark.django_db
def test_published_version_is_found_by_its_number(photos, models_dir):
    for number in (1, 2):
        publish(folder=another_model(models_dir / f"another-{number}", name="another"))
    evaluate("another@1", "--photos", photos)
    assert (models_dir / "another-1" / "evaluation-photographs").is_dir()
    assert not (models_dir / "another-2" / "evaluation-photographs").exists()


@pytest.mark.django_db
def test_version_whose_folder_was_replaced_is_not_scored(photos, models_dir):
    publish(folder=another_model(models_dir / "another"))
    (models_dir / "another").rename(models_dir / ".older")
    another_model(models_dir / "another", metrics={})
    with pytest.raises(CommandError, match="no longer contains the files that were published as another v1"):
        evaluate("another@1", "--photos", photos)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["none", "none@1", "student_cnn@9", "student_cnn@x"])
def test_unknown_model_error_lists_the_names(models_dir, name):
    another_model(models_dir / "another")
    with pytest.raises(CommandError, match=rf"There is no model '{name}'\. Available: another, student_cnn\."):
        evaluate(name)


def test_damaged_model_is_not_scored(models_dir):
    damage(models_dir / "student_cnn")
    with pytest.raises(CommandError, match="is not the file its card describes"):
        evaluate("student_cnn")


def test_missing_data_is_an_error_that_says_what_to_give(models_dir):
    with pytest.raises(CommandError, match="There is no data set in /nowhere: neither CIFAR-10's binary version"):
        evaluate("student_cnn", "--data-dir", "/nowhere")
