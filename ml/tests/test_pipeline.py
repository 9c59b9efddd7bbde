import dataclasses
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ml import artifacts, plots, training
from ml.artifacts import ArtifactError, Card
from ml.classes import CLASS_NAMES
from ml.evaluation import evaluate, score, wilson_interval
from ml.export import ExportError
from ml.inference import LoadedModel
from ml.pipeline import produce, write_model
from ml.recipes import Recipe
from ml.tests.factories import Listener, assert_same_history, run_settings, small_model
from ml.training import EpochRecord, RunSettings, TrainingResult

FILES = {"model.keras", "model.tflite", "card.json", "history.json"} | {
    f"{plot}.{suffix}" for plot in ("curves", "confusion") for suffix in ("svg", "png")
}
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
    settings = run_settings(dataset)
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
    assert produced.steps == ["evaluate", "export", "draw", "write"]


def test_card_says_how_the_model_came_to_be(produced, dataset, undisturbed):
    card = produced.card
    assert (card.name, card.architecture, card.seed) == ("tiny", "student_cnn", 3)
    assert (card.class_names, card.input_shape, card.parameter_count) == (CLASS_NAMES, (32, 32, 3), 11_332_138)
    assert Recipe.from_dict(card.recipe) == undisturbed.settings.recipe
    assert card.dataset == {
        "name": "CIFAR-10",
        "fingerprint": dataset.fingerprint,
        "train_images": 300,
        "validation_images": 30,
        "test_images": 300,
        "limit": 300,
    }
    assert card.training["epochs"] == 3
    assert card.training["images_per_second"] > 0
    assert {"python", "keras", "numpy", "pillow", "tensorflow"} <= set(card.libraries)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_card_states_what_the_exported_model_scores(produced, dataset, split):
    images_and_labels = getattr(dataset, split)
    stated = produced.card.metrics[split]
    measured = evaluate(LoadedModel(produced.folder).predict, images_and_labels, CLASS_NAMES)
    assert stated["confusion"] == measured.confusion
    assert stated["loss"] == pytest.approx(measured.loss, abs=1e-4)
    assert stated["interval"] == list(wilson_interval(round(stated["accuracy"] * measured.count), measured.count))
    assert produced.card.export["accuracy_float32"][split] == pytest.approx(stated["accuracy"], abs=0.05)


def test_history_file_has_every_epoch(produced):
    expected = [dataclasses.asdict(record) for record in training.read_history(produced.run_folder)]
    assert artifacts.read_history(produced.folder) == expected
    assert [row["epoch"] for row in expected] == [1, 2, 3]


@pytest.mark.parametrize("name", [plots.CURVES, plots.CONFUSION])
def test_plots_can_be_opened(produced, name):
    svg = ElementTree.parse(produced.folder / f"{name}.svg").getroot()  # noqa: S314 - our own file
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    with Image.open(produced.folder / f"{name}.png") as image:
        image.load()
        assert min(image.size) > 300
        assert len(np.unique(np.asarray(image.convert("L")))) > 20  # Something is drawn.


def test_same_figures_give_the_same_plots(tmp_path):
    figures = score(np.eye(10)[[0, 1, 2, 2]], np.array([0, 1, 2, 3]), CLASS_NAMES)
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        plots.save_curves(HISTORY, 2, figures, folder)
        plots.save_confusion(figures, CLASS_NAMES, folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_existing_folder_is_refused_before_anything_is_trained(dataset, tmp_path):
    model_folder = tmp_path / "models" / "tiny"
    model_folder.mkdir(parents=True)
    (model_folder / "mine").touch()
    listener = Listener()
    with pytest.raises(ArtifactError, match="there already"):
        produce(
            run_settings(dataset),
            dataset,
            run_folder=tmp_path / "run",
            model_folder=model_folder,
            listener=listener,
        )
    assert not listener.batches
    assert [path.name for path in model_folder.parent.rglob("*")] == ["tiny", "mine"]


def test_failed_export_leaves_nothing_behind(dataset, tmp_path):
    broken = TrainingResult(small_model(bias=float("nan")), HISTORY, best_epoch=2, finished=True)
    with pytest.raises(ExportError):
        write_model(run_settings(dataset), dataset, broken, tmp_path / "models" / "tiny")
    assert not list((tmp_path / "models").iterdir())
