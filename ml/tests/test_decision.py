import json
from dataclasses import replace

import numpy as np
import pytest

from ml.confidence import calibration
from ml.confidence.abstention import COVERAGE, SCORES
from ml.confidence.decision import DEFAULT_SCORE, DecisionRule, Outputs

CLASSES, FEATURES = 3, 6


def synthetic(count: int, seed: int, temperature: float = 1.0) -> tuple[Outputs, np.ndarray]:
    """Outputs of a network that is too sure of itself by `temperature`, and labels drawn by its honest opinion."""
    rng = np.random.default_rng(seed)
    features = 4 * np.eye(FEATURES)[np.arange(count) % CLASSES] + rng.normal(size=(count, FEATURES))
    logits = features[:, :CLASSES]
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return Outputs((logits * temperature).astype(np.float32), features.astype(np.float32)), labels


@pytest.fixture(scope="module")
def validation() -> Outputs:
    return synthetic(3001, seed=1, temperature=3)[0]


@pytest.fixture(scope="module")
def rule(validation) -> DecisionRule:
    _, labels = synthetic(3001, seed=1, temperature=3)
    return DecisionRule.fit(*synthetic(600, seed=0), validation, labels)


def test_temperature_is_fitted_to_the_validation_images(rule, validation):
    assert rule.calibration.temperature == pytest.approx(3, rel=0.1)
    expected = calibration.softmax(validation.logits, rule.calibration.temperature)
    assert np.array_equal(rule.predict(validation).probabilities, expected)


def test_features_are_measured_on_the_training_images(rule, validation):
    train, labels = synthetic(600, seed=0)
    centre = train.features[labels == 1].mean(axis=0, keepdims=True)
    assert rule.statistics.class_distances(centre)[0, 1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_whichever_score_counts_its_share_of_the_validation_images_is_answered(rule, validation, score):
    predictions = replace(rule, score=score).predict(validation)
    assert np.array_equal(predictions.scores, rule.scores(score, validation))
    assert COVERAGE <= (~predictions.abstained).mean() <= COVERAGE + 1 / 3001
    assert predictions.scores[predictions.abstained].max() < predictions.scores[~predictions.abstained].min()


def test_model_abstains_far_from_all_training_images(rule):
    far = Outputs(np.zeros((5, CLASSES), np.float32), np.full((5, FEATURES), -20, np.float32))
    assert rule.score == DEFAULT_SCORE
    assert rule.predict(far).abstained.all()


def test_a_score_that_is_no_number_is_not_answered(rule):
    broken = Outputs(np.zeros((2, CLASSES), np.float32), np.full((2, FEATURES), np.nan, np.float32))
    assert rule.predict(broken).abstained.all()


def test_rule_without_a_score_answers_everything(rule, validation):
    predictions = replace(rule, score=None).predict(validation)
    assert not predictions.abstained.any()
    assert predictions.scores.shape == predictions.abstained.shape == (3001,)
    assert np.array_equal(predictions.probabilities, rule.predict(validation).probabilities)


def test_nothing_asked_is_nothing_answered(rule):
    predictions = rule.predict(Outputs(np.empty((0, CLASSES), np.float32), np.empty((0, FEATURES), np.float32)))
    assert [len(values) for values in predictions] == [0] * 5


def test_answers_show_what_calibration_changed(rule, validation):
    assert np.array_equal(rule.predict(validation).uncalibrated, calibration.softmax(validation.logits))


def test_margins_are_positive_for_what_is_answered_and_no_other(rule, validation):
    predictions = rule.predict(validation)
    assert np.array_equal(predictions.margins >= 0, ~predictions.abstained)
    assert predictions.margins == pytest.approx(predictions.scores - rule.thresholds[rule.score], abs=1e-4)


@pytest.fixture
def with_none() -> DecisionRule:
    """A rule of a network whose last class is that of none of the others, and whose training images are not known."""
    return DecisionRule(
        calibration.Calibration(1.0), "known_probability", {"known_probability": 0.5}, None, none_index=CLASSES - 1
    )


def test_network_with_a_class_for_none_abstains_where_that_is_more_probable_than_all_others(with_none):
    logits = np.log(np.float32([[0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]))
    predictions = with_none.predict(Outputs(logits, np.empty((2, 0), np.float32)))
    assert predictions.scores == pytest.approx([0.6, 0.4])
    assert predictions.abstained.tolist() == [False, True]
    assert predictions.best(with_none.none_index).tolist() == [0, 0]
    assert predictions.best().tolist() == [2, 2]


def test_its_largest_probability_is_that_of_a_class_it_knows(with_none):
    logits = np.log(np.float32([[0.1, 0.3, 0.6]]))
    assert with_none.scores("maximum_probability", Outputs(logits, np.empty((1, 0)))) == pytest.approx([0.3])


def test_distances_are_no_scores_where_the_training_images_are_not_known(with_none):
    assert with_none.score_names == ("maximum_probability", "energy", "known_probability")
    with pytest.raises(ValueError, match="There is no score 'mahalanobis'"):
        with_none.scores("mahalanobis", Outputs(np.zeros((1, CLASSES)), np.zeros((1, FEATURES))))


def test_rule_that_went_through_a_card_answers_alike(rule, validation):
    entries = json.loads(json.dumps(rule.as_dict()))
    again = DecisionRule.from_card(**entries, statistics=rule.statistics)
    assert again == rule
    assert all(map(np.array_equal, again.predict(validation), rule.predict(validation)))


def test_card_says_the_temperature_the_score_and_every_threshold(rule):
    assert rule.as_dict() == {
        "calibration": {"temperature": rule.calibration.temperature, "label_smoothing": 0.0},
        "abstention": {"score": DEFAULT_SCORE, "coverage": COVERAGE, "thresholds": rule.thresholds},
    }
    assert set(rule.thresholds) == set(SCORES)


def test_served_outputs_are_split_into_logits_and_features():
    values = np.arange(10).reshape(2, 5)
    logits, features = Outputs.split(values, 2)
    assert logits.tolist() == [[0, 1], [5, 6]]
    assert features.tolist() == [[2, 3, 4], [7, 8, 9]]
