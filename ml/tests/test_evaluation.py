import json
import math

import numpy as np
import pytest

from ml.cifar10 import Split
from ml.evaluation import evaluate, score, wilson_interval
from ml.tests.factories import some_images

NAMES = ("cat", "dog", "ship")
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.6, 0.3, 0.1],
        [0.2, 0.7, 0.1],  # A cat taken for a dog.
        [0.1, 0.8, 0.1],
        [0.5, 0.4, 0.1],  # A dog taken for a cat.
        [0.4, 0.3, 0.3],  # A ship taken for a cat: no ship is ever seen.
    ],
    np.float32,
)


def test_confusion_has_true_classes_in_rows_and_predicted_ones_in_columns():
    assert score(PROBABILITIES, LABELS, NAMES).confusion == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_accuracy_and_loss_are_those_counted_by_hand():
    figures = score(PROBABILITIES, LABELS, NAMES)
    assert (figures.count, figures.accuracy) == (6, 0.5)
    assert figures.loss == pytest.approx(-math.log(0.8 * 0.6 * 0.2 * 0.8 * 0.4 * 0.3) / 6, rel=1e-6)
    assert figures.interval == wilson_interval(3, 6)


def test_class_figures_are_those_counted_by_hand():
    cat, dog, ship = (vars(score(PROBABILITIES, LABELS, NAMES).per_class[name]) for name in NAMES)
    assert cat == pytest.approx({"precision": 2 / 4, "recall": 2 / 3, "f1": 4 / 7, "support": 3})
    assert dog == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2})
    assert ship == {"precision": 0, "recall": 0, "f1": 0, "support": 1}


def test_class_without_images_has_no_support_and_no_recall():
    figures = score(PROBABILITIES[:5], LABELS[:5], NAMES).per_class["ship"]
    assert (figures.support, figures.recall) == (0, 0)


def test_certain_and_wrong_costs_much_but_not_infinity():
    assert score(np.array([[0.0, 1.0, 0.0]]), np.array([0]), NAMES).loss == pytest.approx(-math.log(1e-12))


@pytest.mark.parametrize(
    ("successes", "count", "expected"),
    [
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I, method 3.
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (20, 20, (0.8389, 1.0)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson_interval_has_the_published_values(successes, count, expected):
    assert wilson_interval(successes, count) == pytest.approx(expected, abs=5e-5)


def test_evaluation_is_in_batches_told_of_and_equal_to_scoring_at_once():
    images, labels = some_images(601), np.arange(601) % 3
    shares = np.random.default_rng(0).dirichlet((1, 1, 1), 601)
    by_image = {image.tobytes(): row for image, row in zip(images, shares)}
    sizes, heard = [], []

    def predict(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return np.array([by_image[image.tobytes()] for image in batch])

    figures = evaluate(predict, Split(images, labels), NAMES, lambda *done: heard.append(done))
    assert figures == score(shares, labels, NAMES)
    assert sizes == [250, 250, 101]
    assert heard == [(250, 601), (500, 601), (601, 601)]


def test_figures_survive_json():
    figures = score(PROBABILITIES, LABELS, NAMES).as_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert list(figures["per_class"]) == list(NAMES)
