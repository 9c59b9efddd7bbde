import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.confidence.abstention import SCORES
from ml.confidence.decision import DecisionRule, Outputs, Predictions
from ml.data.dataset import DatasetError, Split
from ml.evaluation import photographs
from ml.evaluation.photographs import Photographs
from ml.images.preprocessing import to_input
from ml.serving.inference import NetworkInput

CLASSES = ("red", "green", "blue")
SHAPE = (8, 12, 3)
GREY, RED, GREEN, BLUE = (90, 90, 90), (200, 40, 40), (40, 200, 40), (40, 40, 200)


def network(images: np.ndarray) -> Outputs:
    """Tells colours apart by the mean of each channel."""
    features = images.mean(axis=(1, 2), dtype=np.float32)
    return Outputs(features / 25, features)


def noisy(seed: int) -> Split:
    """100 red, green and blue images each, whose colours lie around those above."""
    rng = np.random.default_rng(seed)
    labels = np.arange(300) % len(CLASSES)
    colours = np.array([RED, GREEN, BLUE])[labels] + rng.integers(-15, 16, (300, 3))
    return Split(np.broadcast_to(colours.astype(np.uint8)[:, None, None], (300, *SHAPE)), labels)


class Colours:
    """A model of one network that tells colours apart, without files."""

    known_classes = CLASSES
    none_index = None

    def __init__(self, rule: DecisionRule) -> None:
        self.rule = rule
        self.networks = {"": self}

    def prepare(self, picture: Image.Image, size: tuple[int, int]) -> NetworkInput:
        return NetworkInput("", to_input(picture, *SHAPE[:2]))

    def outputs(self, images: np.ndarray) -> Outputs:
        return network(images)

    def predict(self, seen: list[NetworkInput]) -> Predictions:
        return self.rule.predict(network(np.stack([one.pixels for one in seen])))


@pytest.fixture(scope="module")
def model() -> Colours:
    train, validation = noisy(seed=0), noisy(seed=1)
    return Colours(DecisionRule.fit(network(train.images), train.labels, network(validation.images), validation.labels))


def write_photographs(folder: Path, **colours: list[tuple[int, int, int]]) -> Path:
    """Write a sub-folder for each name, with a picture of each colour."""
    for name, shown in colours.items():
        (folder / name).mkdir(parents=True)
        for number, colour in enumerate(shown):
            Image.new("RGB", (24, 16), colour).save(folder / name / f"{number}.png")
    return folder


def found(known: dict[str, list[tuple[int, int, int]]], unknown: list[tuple[int, int, int]] = ()) -> Photographs:
    """Photographs of these colours, without a folder."""

    def images(colours: list[tuple[int, int, int]]) -> list[NetworkInput]:
        return [NetworkInput("", np.full(SHAPE, colour, np.uint8)) for colour in colours]

    labels = [CLASSES.index(name) for name, colours in known.items() for _ in colours]
    shown = [colour for colours in known.values() for colour in colours]
    return Photographs(
        images(shown),
        np.array(labels),
        images(unknown),
        ["camera" if colour in (RED, GREY) else "web" for colour in shown],
        ["camera" if colour == GREY else "web" for colour in unknown],
    )


def test_photographs_are_read_at_the_models_size_with_the_labels_of_their_folders(model, tmp_path):
    folder = write_photographs(tmp_path, blue=[BLUE, RED], red=[RED], none=[GREY, GREY, GREY])
    read = photographs.load(folder, model)
    assert {one.pixels.shape for one in read.known} == {SHAPE}
    assert [one.pixels[0, 0].tolist() for one in read.known] == [list(RED), list(BLUE), list(RED)]
    assert read.labels.tolist() == [0, 2, 2]
    assert [(one.pixels == GREY).all() for one in read.unknown] == [True] * 3


def test_without_photographs_of_anything_else_there_are_none_unknown(model, tmp_path):
    read = photographs.load(write_photographs(tmp_path, red=[RED]), model)
    assert len(read.unknown) == 0


def test_progress_is_reported_for_every_photograph(model, tmp_path):
    heard = []
    folder = write_photographs(tmp_path, red=[RED], none=[GREY])
    photographs.load(folder, model, progress=lambda *done: heard.append(done))
    assert heard == [(1, 2), (2, 2)]


def test_a_folder_that_is_no_class_of_the_model_is_an_error_that_names_it(model, tmp_path):
    with pytest.raises(DatasetError, match="not one of the classes: red, green, blue") as caught:
        photographs.load(write_photographs(tmp_path, red=[RED], teal=[BLUE]), model)
    assert str(tmp_path / "teal") in str(caught.value)


def test_photographs_of_no_class_at_all_are_an_error_that_names_the_classes(model, tmp_path):
    with pytest.raises(DatasetError, match="no photograph of red, green, blue") as caught:
        photographs.load(write_photographs(tmp_path, none=[GREY], red=[]), model)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_a_folder_without_photographs_is_an_error_that_names_it(model, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="one subfolder per class") as caught:
        photographs.load(tmp_path / name, model)
    assert f"no photos in {tmp_path / name}." in str(caught.value)


def test_an_unreadable_photograph_is_named(model, tmp_path):
    write_photographs(tmp_path, red=[RED], none=[])
    (tmp_path / "none" / "broken.jpg").write_bytes(b"text")
    with pytest.raises(DatasetError, match=r"none/broken\.jpg: This is a text file"):
        photographs.load(tmp_path, model)


def test_accuracy_is_that_over_images_and_over_the_classes_that_are_shown(model):
    shown = found({"red": [RED, RED, RED, GREEN], "green": [GREEN, BLUE]})
    result = photographs.evaluate(model, shown)
    assert (result.count, result.unknown_count) == (6, 0)
    assert [(name, of.accuracy, of.count) for name, of in result.per_class.items()] == [
        ("red", 0.75, 4),
        ("green", 0.5, 2),
    ]
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.macro_accuracy == pytest.approx((0.75 + 0.5) / 2)
    assert result.interval == pytest.approx((0.300, 0.903), abs=1e-3)


def test_answered_shares_are_counted_apart_for_the_classes_and_for_anything_else(model):
    shown = found({"red": [RED, RED, RED, GREEN], "blue": [GREY]}, unknown=[GREY, GREY, GREY, BLUE])
    result = photographs.evaluate(model, shown)
    assert set(result.scores) == set(SCORES)
    assert {figures.answered_known for figures in result.scores.values()} == {4 / 5}
    assert {figures.answered_unknown for figures in result.scores.values()} == {1 / 4}
    assert result.unknown_count == 4


def test_accuracy_of_the_answers_leaves_out_where_the_model_abstains(model):
    shown = found({"red": [RED, RED, RED, GREEN], "blue": [GREY]})
    result = photographs.evaluate(model, shown)
    assert result.accuracy == pytest.approx(3 / 5)
    assert result.answered_accuracy == pytest.approx(3 / 4)
    assert result.score == model.rule.score


def test_correct_and_wrong_answers_are_counted_over_all_and_within_each_class(model):
    shown = found({"red": [RED, RED, RED, GREEN, GREY], "blue": [GREY]})
    result = photographs.evaluate(model, shown)
    assert (result.answered.correct, result.answered.wrong) == pytest.approx((3 / 6, 1 / 6))
    assert result.answered.correct_interval == pytest.approx((0.188, 0.812), abs=1e-3)
    assert (result.per_class["red"].correct, result.per_class["red"].wrong) == pytest.approx((3 / 5, 1 / 5))
    assert (result.per_class["blue"].correct, result.per_class["blue"].wrong) == (0, 0)


def test_sources_have_figures_of_their_own(model):
    shown = found({"red": [RED, RED, GREEN, GREY]}, unknown=[GREY, GREY, BLUE])
    result = photographs.evaluate(model, shown)
    assert {name: (of.count, of.correct, of.wrong) for name, of in result.per_source.items()} == {
        "camera": (3, pytest.approx(2 / 3), 0),
        "web": (1, 0, 1),
    }
    assert result.per_source_unknown == {
        "camera": {"answered": 0.0, "count": 2},
        "web": {"answered": 1.0, "count": 1},
    }


def test_source_is_the_part_of_a_file_name_before_the_first_underscore(model, tmp_path):
    folder = write_photographs(tmp_path, red=[RED, RED], none=[GREY])
    (folder / "red" / "0.png").rename(folder / "red" / "phones_12_a.png")
    (folder / "none" / "0.png").rename(folder / "none" / "web_1.png")
    read = photographs.load(folder, model)
    assert (sorted(read.known_sources), read.unknown_sources) == (["", "phones"], ["web"])


def test_calibration_error_is_how_far_confidence_is_from_being_right(model):
    sure = photographs.evaluate(model, found({"red": [RED] * 4}))
    assert sure.expected_calibration_error == pytest.approx(1 - sure.mean_confidence)
    half_wrong = photographs.evaluate(model, found({"red": [RED] * 2, "green": [RED] * 2}))
    assert half_wrong.mean_confidence == pytest.approx(sure.mean_confidence)
    assert half_wrong.expected_calibration_error == pytest.approx(sure.mean_confidence - 0.5)


def test_a_model_that_answers_nothing_has_no_accuracy_of_its_answers(model):
    result = photographs.evaluate(model, found({"red": [GREY, GREY]}))
    assert result.answered_accuracy is None


def test_a_model_that_never_abstains_answers_all_and_still_has_figures_of_every_score(model):
    shown = found({"red": [RED, GREEN], "blue": [GREY]}, unknown=[GREY])
    result = photographs.evaluate(Colours(replace(model.rule, score=None)), shown)
    assert result.score is None
    assert result.answered_accuracy == result.accuracy
    assert set(result.scores) == set(SCORES)


@pytest.mark.parametrize(
    ("unknown", "auroc"), [([GREY], 1.0), ([RED], 0.5), ([GREY, RED], 0.75), ([GREY, GREY, GREY, RED], 0.875)]
)
def test_auroc_is_how_often_a_photograph_of_a_class_scores_above_one_of_none(model, unknown, auroc):
    result = photographs.evaluate(model, found({"red": [RED, RED]}, unknown))
    assert {name: figures.auroc for name, figures in result.scores.items()} == dict.fromkeys(SCORES, auroc)


def test_auroc_is_nought_when_only_what_is_none_looks_like_a_class(model):
    result = photographs.evaluate(model, found({"red": [GREY]}, [RED]))
    assert {figures.auroc for figures in result.scores.values()} == {0.0}


def test_without_photographs_of_anything_else_their_figures_are_none(model):
    result = photographs.evaluate(model, found({"red": [RED]}))
    assert {(figures.auroc, figures.answered_unknown) for figures in result.scores.values()} == {(None, None)}


@pytest.mark.parametrize("unknown", [[GREY], []])
def test_the_figures_survive_json(model, unknown):
    values = photographs.evaluate(model, found({"red": [RED, GREEN]}, unknown)).as_dict()
    assert json.loads(json.dumps(values)) == values


def test_loaded_data_set_can_be_evaluated(model, tmp_path):
    folder = write_photographs(tmp_path, blue=[BLUE, BLUE, RED], none=[GREY])
    result = photographs.evaluate(model, photographs.load(folder, model))
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.scores["energy"].answered_unknown == 0.0
