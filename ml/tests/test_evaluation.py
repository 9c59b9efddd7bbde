import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from ml.confidence.abstention import FeatureStatistics
from ml.confidence.calibration import Calibration, reliability, softmax
from ml.confidence.decision import DecisionRule, Outputs
from ml.evaluation.metrics import assess, newcombe_interval, run, score, wilson_interval
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
OUTPUTS = Outputs(np.log(PROBABILITIES), np.zeros((6, 2), np.float32))


def rule(temperature: float = 1.0, threshold: float | None = None) -> DecisionRule:
    """A rule that abstains below this probability, never when it is None."""
    statistics = FeatureStatistics.fit(np.eye(3, 2), np.arange(3), 3)
    name = "maximum_probability"
    return DecisionRule(Calibration(temperature), name if threshold else None, {name: threshold}, statistics)


def test_confusion_has_true_classes_in_rows_and_predicted_ones_in_columns():
    assert score(PROBABILITIES, LABELS, NAMES).confusion == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_accuracy_and_loss_are_those_counted_by_hand():
    figures = score(PROBABILITIES, LABELS, NAMES)
    assert (figures.count, figures.accuracy) == (6, 0.5)
    assert figures.loss == pytest.approx(-math.log(0.8 * 0.6 * 0.2 * 0.8 * 0.4 * 0.3) / 6, rel=1e-6)
    assert figures.interval == wilson_interval(3, 6)


def test_second_guesses_count_and_of_equal_ones_the_first():
    assert score(PROBABILITIES, LABELS, NAMES).top_2_accuracy == pytest.approx(5 / 6)
    assert score(PROBABILITIES[:5], LABELS[:5], NAMES).top_2_accuracy == 1


def test_honesty_is_that_counted_by_hand():
    figures = score(PROBABILITIES, LABELS, NAMES)
    assert figures.brier_score == pytest.approx((0.06 + 0.26 + 1.14 + 0.06 + 0.62 + 0.74) / 6, rel=1e-6)
    assert figures.reliability == reliability(PROBABILITIES, LABELS)
    # Every confidence is alone in its bin but the two of 0.8.
    assert figures.expected_calibration_error == pytest.approx((2 * 0.2 + 0.4 + 0.7 + 0.5 + 0.4) / 6, rel=1e-6)


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
    ("first", "second", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ],
)
def test_newcombe_interval_has_the_published_values(first, second, expected):
    assert newcombe_interval(first, second) == pytest.approx(expected, abs=5e-5)


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


def test_batches_report_progress_and_keep_their_order():
    images = some_images(601)
    sizes, heard = [], []

    def network(batch: np.ndarray) -> Outputs:
        sizes.append(len(batch))
        return Outputs(batch[:, 0, 0], batch[:, 1, 1, :2])

    outputs = run(network, images, lambda *done: heard.append(done))
    assert np.array_equal(outputs.logits, images[:, 0, 0])
    assert np.array_equal(outputs.features, images[:, 1, 1, :2])
    assert sizes == [250, 250, 101]
    assert heard == [(250, 601), (500, 601), (601, 601)]


def test_assessment_scores_calibrated_probabilities_and_those_before():
    found = assess(rule(temperature=2.0).predict(OUTPUTS), LABELS, NAMES)
    assert found.evaluation == score(softmax(OUTPUTS.logits, 2.0), LABELS, NAMES)
    assert found.before_scaling == score(softmax(OUTPUTS.logits), LABELS, NAMES)
    assert found.evaluation.accuracy == found.before_scaling.accuracy == 0.5
    assert found.evaluation.loss != found.before_scaling.loss


@pytest.mark.parametrize(
    ("threshold", "answered", "accuracy"),
    [(None, 1, 0.5), (0.55, 4 / 6, 3 / 4), (0.75, 2 / 6, 1), (2.0, 0, None)],
)
def test_accuracy_is_given_for_what_is_answered(threshold, answered, accuracy):
    found = assess(rule(threshold=threshold).predict(OUTPUTS), LABELS, NAMES)
    assert (found.answered, found.answered_accuracy) == (answered, accuracy)
    assert found.evaluation.count == 6


@pytest.mark.parametrize("threshold", [0.55, 2.0])
def test_assessment_survives_json(threshold):
    found = assess(rule(temperature=2.0, threshold=threshold).predict(OUTPUTS), LABELS, NAMES)
    figures = found.as_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["accuracy"] == 0.5
    assert list(figures["per_class"]) == list(NAMES)
    before = asdict(found.before_scaling)
    honesty = {"loss", "brier_score", "expected_calibration_error", "reliability"}
    assert figures["before_scaling"] == {name: before[name] for name in honesty}
    assert (figures["answered"], figures["answered_accuracy"]) == (found.answered, found.answered_accuracy)
