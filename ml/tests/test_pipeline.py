import sys
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts import probe
from ml.artifacts.export import ExportError
from ml.artifacts.folder import ArtifactError, Card
from ml.artifacts.mistakes import save_mistakes
from ml.building.pipeline import produce, write_model
from ml.classes import CLASS_NAMES
from ml.confidence.abstention import SCORES, FeatureStatistics
from ml.confidence.calibration import Calibration
from ml.confidence.decision import DEFAULT_SCORE, DecisionRule, Outputs
from ml.evaluation.metrics import assess, run, wilson_interval
from ml.plots import charts as plots
from ml.serving.inference import Network
from ml.tests.factories import (
    TINY,
    Listener,
    assert_same_history,
    divided_dataset,
    small_dataset,
    small_model,
    some_images,
    tiny_settings,
)
from ml.training import loop as training
from ml.training.loop import EpochRecord, TrainingResult
from ml.training.recipes import Recipe
from ml.training.run_settings import RunSettings

FILES = {
    "model.keras",
    "model.tflite",
    "statistics.npz",
    "card.json",
    "history.json",
    "mistakes.png",
    "mistakes.json",
} | {f"{plot}.{suffix}" for plot in ("curves", "confusion", "network", "reliability") for suffix in ("svg", "png")}
HISTORY = [EpochRecord(epoch, 2 / epoch, 0.1 * epoch, 2.1 / epoch, 0.2, 1e-3, 1.5) for epoch in (1, 2)]


class Produced(NamedTuple):
    stopped: Card | None
    left_by_stopped: list[Path]
    card: Card
    folder: Path
    run_folder: Path
    steps: list[str]
    resumed: list[EpochRecord]


@pytest.fixture(scope="module")
def produced(dataset, tmp_path_factory) -> Produced:
    """The undisturbed run again, but stopped after its first epoch, then resumed and written."""
    run_folder, models = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("models")
    settings = tiny_settings(dataset)
    where = {"run_folder": run_folder, "model_folder": models / "tiny"}
    steps: list[str] = []
    listener = Listener()
    stopped = produce(settings, dataset, **where, listener=Listener(stop_after=1), report=steps.append)
    left = [*models.iterdir()]
    card = produce(RunSettings.load(run_folder), dataset, **where, listener=listener, resume=True, report=steps.append)
    return Produced(stopped, left, card, models / "tiny", run_folder, steps, listener.epochs)


def test_stopped_run_gives_no_model_and_keeps_its_checkpoints(produced):
    assert produced.stopped is None
    assert produced.left_by_stopped == []
    assert produced.run_folder.joinpath("checkpoints").is_dir()


def test_finished_run_gives_a_whole_folder_and_nothing_beside_it(produced):
    assert {path.name for path in produced.folder.iterdir()} == FILES
    assert [path.name for path in produced.folder.parent.iterdir()] == ["tiny"]
    assert artifacts.verify(produced.folder) == produced.card


def test_stopped_and_resumed_run_is_the_run_that_was_not(produced, undisturbed):
    assert [record.epoch for record in produced.resumed] == [2, 3]
    assert_same_history(training.read_history(produced.run_folder), undisturbed.result.history)


def test_steps_are_reported_in_order(produced):
    assert produced.steps == ["evaluate", "export", "calibrate", "draw", "write"]


def test_card_says_how_the_model_came_to_be(produced, dataset, undisturbed):
    card = produced.card
    assert (card.name, card.architecture, card.seed) == ("tiny", TINY, 3)
    assert (card.class_names, card.input_shape, card.parameter_count) == (CLASS_NAMES, (32, 32, 3), 275_114)
    assert Recipe.from_dict(card.recipe) == undisturbed.settings.recipe
    assert card.dataset == {
        "name": "CIFAR-10",
        "fingerprint": dataset.fingerprint,
        "train_images": 300,
        "validation_images": 30,
        "selection_images": 30,
        "test_images": 300,
        "limit": 300,
        "test_images_available": 10_000,
    }
    assert card.training["epochs"] == 3
    assert card.training["images_per_second"] > 0
    assert card.training["backend"] == "tensorflow"
    assert card.framing == asdict(dataset.framing) == {"squareness": 0.0, "margin": 0.3}
    assert np.shape(card.export["probe"]) == (probe.COUNT, 10)
    assert {"python", "keras", "numpy", "pillow", "tensorflow"} <= set(card.libraries)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_card_states_what_the_exported_model_scores(produced, dataset, split):
    images, labels = getattr(dataset, split)
    stated = produced.card.metrics[split]
    loaded = Network(produced.folder)
    measured = assess(run(loaded.predict, images), labels, CLASS_NAMES).as_dict()
    assert stated["confusion"] == measured["confusion"]
    for figure in ("accuracy", "top_2_accuracy", "loss", "brier_score", "answered", "answered_accuracy"):
        assert stated[figure] == pytest.approx(measured[figure], abs=1e-4), figure
    before = stated["before_scaling"]
    assert before["loss"] == pytest.approx(measured["before_scaling"]["loss"], abs=1e-4)
    assert before["loss"] != stated["loss"]
    assert stated["interval"] == list(wilson_interval(round(stated["accuracy"] * len(labels)), len(labels)))
    assert produced.card.export["accuracy_float32"][split] == pytest.approx(stated["accuracy"], abs=0.05)


def test_card_says_how_answers_are_calibrated_and_withheld(produced):
    card = produced.card
    assert 1 / 20 <= card.calibration["temperature"] <= 20
    assert (card.abstention["score"], card.abstention["coverage"]) == (DEFAULT_SCORE, 0.95)
    assert set(card.abstention["thresholds"]) == set(SCORES)
    validation = card.metrics["validation"]
    assert validation["answered"] >= 0.95
    assert validation["loss"] <= validation["before_scaling"]["loss"]


def test_statistics_are_those_of_the_training_images(produced, dataset):
    loaded = Network(produced.folder)
    features = run(loaded.outputs, dataset.train.images).features
    expected = FeatureStatistics.fit(features, dataset.train.labels, 10)
    saved = FeatureStatistics.load((produced.folder / "statistics.npz").read_bytes())
    assert saved.distance(features) == pytest.approx(expected.distance(features), rel=0.01)
    assert saved.centre.shape == (512,)


@pytest.fixture(scope="module")
def of_three_classes(tmp_path_factory) -> tuple[Card, Path]:
    """The model folder of a data set of other classes and another size of images, trained for an epoch."""
    dataset, folder = small_dataset(), tmp_path_factory.mktemp("of_three_classes")
    settings = tiny_settings(dataset, epochs=1, batch_size=16)
    where = {"run_folder": folder / "run", "model_folder": folder / "model"}
    return produce(settings, dataset, **where, listener=Listener()), folder / "model"


def test_card_says_the_classes_and_the_image_size_of_the_data_set(of_three_classes):
    card, folder = of_three_classes
    assert (card.class_names, card.input_shape) == (("red", "green", "blue"), (16, 16, 3))
    assert (card.dataset["name"], card.dataset["train_images"]) == ("Colours", 90)
    assert list(card.metrics["test"]["per_class"]) == ["red", "green", "blue"]
    assert {path.name for path in folder.iterdir()} == FILES
    assert artifacts.verify(folder) == card


def test_model_of_other_classes_and_another_image_size_answers(of_three_classes):
    predictions = Network(of_three_classes[1]).predict(small_dataset().test.images)
    assert predictions.probabilities.shape == (18, 3)
    assert np.isfinite(predictions.scores).all()


def test_one_half_of_the_validation_images_calibrates_and_the_other_is_reported(tmp_path):
    dataset = divided_dataset()
    settings = tiny_settings(dataset, epochs=2, batch_size=16, optimizer="sgd", weight_average=0.8)
    where = {"run_folder": tmp_path / "run", "model_folder": tmp_path / "model"}
    card = produce(settings, dataset, **where, listener=Listener())
    network = Network(tmp_path / "model")
    chosen, reported = (run(network.outputs, split.images) for split in (dataset.selection, dataset.reporting))
    assert card.calibration["temperature"] == pytest.approx(
        Calibration.fit(chosen.logits, dataset.selection.labels).temperature, rel=0.01
    )
    assert (network.rule.predict(chosen).abstained).mean() == pytest.approx(0.05, abs=0.01)
    right = network.rule.predict(reported).probabilities.argmax(axis=1) == dataset.reporting.labels
    validation = card.metrics["validation"]
    assert (validation["count"], validation["accuracy"]) == (300, pytest.approx(right.mean()))
    assert card.dataset["validation_images"] == 600
    assert card.dataset["selection_images"] == 300


def test_history_file_has_every_epoch(produced):
    expected = [asdict(record) for record in training.read_history(produced.run_folder)]
    assert artifacts.read_history(produced.folder) == expected
    assert [row["epoch"] for row in expected] == [1, 2, 3]


@pytest.mark.parametrize("name", [plots.CURVES, plots.CONFUSION, plots.RELIABILITY])
def test_plots_can_be_opened(produced, name):
    svg = ElementTree.parse(produced.folder / f"{name}.svg").getroot()  # noqa: S314 - our own file
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    with Image.open(produced.folder / f"{name}.png") as image:
        image.load()
        assert min(image.size) > 300
        assert len(np.unique(np.asarray(image.convert("L")))) > 20  # Something is drawn.


def test_same_figures_give_the_same_plots(tmp_path):
    probabilities, labels = np.eye(10)[[0, 1, 2, 2]], np.array([0, 1, 2, 3])
    rule = DecisionRule(Calibration(2.0), None, {}, FeatureStatistics.fit(np.eye(10), np.arange(10), 10))
    assessment = assess(rule.predict(Outputs(probabilities, probabilities)), labels, CLASS_NAMES)
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        plots.save_curves(HISTORY, 2, assessment.evaluation, folder)
        plots.save_assessment(assessment, CLASS_NAMES, "test", folder)
        save_mistakes(some_images(4), labels, probabilities, folder)
    assert len([*(tmp_path / "a").iterdir()]) == 8
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_existing_folder_is_refused_before_anything_is_trained(dataset, tmp_path):
    model_folder = tmp_path / "models" / "tiny"
    model_folder.mkdir(parents=True)
    (model_folder / "mine").touch()
    listener = Listener()
    with pytest.raises(ArtifactError, match="already exists"):
        produce(
            tiny_settings(dataset),
            dataset,
            run_folder=tmp_path / "run",
            model_folder=model_folder,
            listener=listener,
        )
    assert not listener.batches
    assert [path.name for path in model_folder.parent.rglob("*")] == ["tiny", "mine"]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_failed_export_leaves_nothing_behind(dataset, tmp_path):
    broken = TrainingResult(small_model(bias=float("nan")), HISTORY, best_epoch=2, finished=True)
    with pytest.raises(ExportError):
        write_model(tiny_settings(dataset), dataset, broken, tmp_path / "models" / "tiny")
    assert not list((tmp_path / "models").iterdir())


def test_model_is_written_without_the_plots_that_cannot_be_drawn(dataset, tmp_path, monkeypatch):
    result, steps = TrainingResult(small_model(), HISTORY, best_epoch=2, finished=True), []
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    card = write_model(tiny_settings(dataset), dataset, result, tmp_path / "models" / "tiny", steps.append)
    assert artifacts.verify(tmp_path / "models" / "tiny") == card
    assert not list((tmp_path / "models" / "tiny").glob("*.svg"))
    assert sum("which cannot be drawn" in step for step in steps) == 4


def test_place_that_cannot_be_written_to_is_refused_before_anything_is_trained(dataset, tmp_path):
    (tmp_path / "models").write_text("a file is in the way")
    listener, where = Listener(), {"run_folder": tmp_path / "run", "model_folder": tmp_path / "models" / "tiny"}
    with pytest.raises(ArtifactError, match="models cannot be written to"):
        produce(tiny_settings(dataset), dataset, **where, listener=listener)
    assert not listener.batches
