import math

import numpy as np
import pytest

from ml.confidence.calibration import (
    Calibration,
    ReliabilityBin,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
)


def two_classes(*confidences: float) -> np.ndarray:
    """Probabilities of two classes, the first of them predicted with each of these confidences."""
    return np.array([[confidence, 1 - confidence] for confidence in confidences])


def test_softmax_undoes_the_logarithm():
    shares = np.array([[0.125, 0.25, 0.625], [0.5, 0.5, 0.0625]])
    assert softmax(np.log(shares)) == pytest.approx(shares / shares.sum(axis=1, keepdims=True), rel=1e-6)


def test_temperature_takes_the_root_of_the_odds():
    assert softmax(np.log([[1.0, 4.0, 25.0]]), 2) == pytest.approx(np.array([[1, 2, 5]]) / 8, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
def test_softmax_is_float32_in_rows_that_sum_to_one(temperature):
    probabilities = softmax(np.random.default_rng(0).normal(0, 10, (50, 7)).astype(np.float32), temperature)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_softmax_of_large_logits_overflows_nowhere():
    logits = np.array([[1e4, 0, -1e4], [-1e30, -1e30, -1e30]], np.float32)
    assert softmax(logits) == pytest.approx(np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]]))


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0], ids=["under-confident", "honest", "over-confident"])
def test_temperature_that_spoiled_honest_logits_is_found(temperature):
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, (20_000, 5))
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_one_certain_mistake_among_many_answers_counts_in_full():
    # Margins of 4, and of -100 once in a thousand: the loss is least where 0.999 * 4 / (1 + exp(4 / T)) is 0.1.
    logits = np.zeros((1000, 2))
    logits[:, 0] = 4
    logits[0] = 0, 100
    expected = 4 / math.log(0.999 * 4 / 0.1 - 1)
    assert fit_temperature(logits, np.zeros(1000, int)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("label", "expected"), [(0, 1 / 20), (1, 20)], ids=["all right", "all wrong"])
def test_temperature_stays_within_its_bounds(label, expected):
    assert fit_temperature(np.array([[1.0, 0.0]]), np.array([label])) == pytest.approx(expected, rel=1e-3)


def test_likelihood_is_that_of_the_true_class():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    expected = -(math.log(0.25) + math.log(0.8)) / 2
    assert negative_log_likelihood(probabilities, np.array([2, 1])) == pytest.approx(expected)


def test_impossible_truth_costs_much_but_not_infinity():
    assert negative_log_likelihood(two_classes(1.0), np.array([1])) == pytest.approx(-math.log(1e-12))


def test_brier_score_is_that_counted_by_hand():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], np.float32)
    right, wrong = 0.1**2 + 0.2**2 + 0.1**2, 0.5**2 + 0.25**2 + 0.75**2
    assert brier_score(probabilities, np.array([2, 1])) == pytest.approx((right + wrong) / 2, rel=1e-6)
    assert probabilities[0, 2] == 0.25


@pytest.mark.parametrize(("label", "expected"), [(0, 0), (1, 2)])
def test_brier_score_goes_from_zero_to_two(label, expected):
    assert brier_score(two_classes(1.0), np.array([label])) == expected


def test_images_are_binned_by_their_confidence_and_empty_bins_left_out():
    probabilities = two_classes(0.5, 0.625, 0.75, 0.875, 1.0)
    assert reliability(probabilities, np.array([1, 0, 1, 0, 0]), bins=4) == [
        ReliabilityBin(low=0.25, high=0.5, count=1, confidence=0.5, accuracy=0),
        ReliabilityBin(low=0.5, high=0.75, count=2, confidence=0.6875, accuracy=0.5),
        ReliabilityBin(low=0.75, high=1.0, count=2, confidence=0.9375, accuracy=1),
    ]


def test_calibration_error_weighs_bins_by_their_images():
    bins = reliability(two_classes(0.5, 0.625, 0.75, 0.875, 1.0), np.array([1, 0, 1, 0, 0]), bins=4)
    assert expected_calibration_error(bins) == pytest.approx((0.5 + 2 * 0.1875 + 2 * 0.0625) / 5)


def test_honest_probabilities_have_next_to_no_calibration_error():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (20_000, 5))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert expected_calibration_error(reliability(softmax(logits), labels)) < 0.015
    assert expected_calibration_error(reliability(softmax(logits, 0.25), labels)) > 0.1


def test_label_smoothing_is_removed_before_the_temperature():
    rng = np.random.default_rng(3)
    belief = softmax(rng.normal(0, 2, (40_000, 4)))
    labels = (belief.cumsum(axis=1) > rng.random((len(belief), 1))).argmax(axis=1)
    smoothed = np.log(0.9 * belief + 0.1 / 4)
    fitted = Calibration.fit(smoothed, labels, label_smoothing=0.1)
    assert fitted.temperature == pytest.approx(1, abs=0.03)
    # Beliefs below the least that is left to a class cannot come back.
    assert fitted.probabilities(smoothed) == pytest.approx(belief, abs=0.02)
    plain = Calibration.fit(smoothed, labels)
    assert negative_log_likelihood(fitted.probabilities(smoothed), labels) < negative_log_likelihood(
        plain.probabilities(smoothed), labels
    )


def test_without_label_smoothing_calibration_is_temperature_scaling_alone():
    logits = np.array([[1.0, 2.0, 4.0]])
    assert np.array_equal(Calibration(2.0).probabilities(logits), softmax(logits, 2.0))


def test_without_a_mistake_the_temperature_stays_one():
    logits = np.array([[5.0, 0.0], [0.0, 3.0]])
    assert Calibration.fit(logits, np.array([0, 1])) == Calibration(1.0)
