import numpy as np
import pytest

from ml.networks.photograph_head import Head, fit, shares


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def some_photographs(count: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features that tell three classes apart, what ImageNet made of them (the third is taken for the first), labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    features = rng.normal(size=(count, 6)) * [1, 5, 1, 1, 0.1, 1] + 3
    features[np.arange(count), labels] += 4
    log_sums = rng.normal(size=(count, 3)) * 0.1
    log_sums[np.arange(count), np.array([0, 1, 0])[labels]] += 1
    return features.astype(np.float32), log_sums.astype(np.float32), labels


def equal(count: int) -> np.ndarray:
    return np.full(count, 1 / count)


def test_classes_weigh_the_same_but_for_none_which_has_its_share():
    labels = np.array([0] * 10 + [1] * 2 + [2] * 100)
    weights = shares(labels, ["a"] * len(labels), none_label=2, none_share=0.3)
    assert [weights[labels == label].sum() for label in range(3)] == pytest.approx([0.35, 0.35, 0.3])


def test_set_without_none_weighs_its_classes_the_same():
    weights = shares(np.array([0, 0, 0, 1]), ["a"] * 4, none_label=2)
    assert weights == pytest.approx([1 / 6] * 3 + [1 / 2])


def test_source_weighs_as_the_root_of_its_size_within_a_class():
    sources = ["large"] * 100 + ["small"] * 4 + ["large"]
    weights = shares(np.array([0] * 104 + [1]), sources, none_label=2)
    assert weights[:100].sum() == pytest.approx(0.5 * 10 / 12)
    assert weights[100:104].sum() == pytest.approx(0.5 * 2 / 12)
    assert weights[104] == pytest.approx(0.5)


def test_correction_learns_what_the_sums_confuse():
    features, log_sums, labels = some_photographs()
    head = fit(features, log_sums, labels, equal(len(labels)), penalty=1e-3)
    others, other_sums, truth = some_photographs(seed=1)
    before = (other_sums.argmax(axis=1) == truth).mean()
    after = (head.logits(others, other_sums).argmax(axis=1) == truth).mean()
    assert before < 0.7
    assert after > 0.9


def test_strong_penalty_leaves_the_sums_and_the_balance_of_the_classes():
    features, log_sums, labels = some_photographs()
    head = fit(features, log_sums, labels, equal(len(labels)), penalty=1e4)
    assert np.abs(head.weights).max() < 1e-3
    fitted = softmax(head.logits(features, log_sums)).mean(axis=0)
    assert fitted == pytest.approx(np.bincount(labels) / len(labels), abs=0.01)


def test_fit_is_at_the_minimum_of_the_loss_on_standardised_features():
    features, log_sums, labels = some_photographs()
    weights = shares(labels, ["a", "b"] * 300, none_label=2)
    head = fit(features, log_sums, labels, weights, penalty=0.02)

    def loss(head: Head) -> float:
        deviation = np.sqrt(weights @ np.square(features - weights @ features))
        likelihood = softmax(head.logits(features, log_sums))[np.arange(len(labels)), labels]
        return float(weights @ -np.log(likelihood) + 0.02 * np.square(head.weights * deviation[:, None]).sum())

    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = Head(head.weights + rng.normal(size=head.weights.shape) * 0.01, head.bias + rng.normal(size=3) * 0.01)
        assert loss(moved) > loss(head)


def test_copies_of_a_photograph_count_as_their_weight_says():
    features, log_sums, labels = some_photographs(60)
    twice = [np.concatenate([array, array]) for array in (features, log_sums, labels)]
    one = fit(features, log_sums, labels, equal(60))
    other = fit(*twice, equal(120))
    assert other.weights == pytest.approx(one.weights, abs=1e-3)
    assert other.bias == pytest.approx(one.bias, abs=1e-2)
