"""Heads of people's own classes, on features that are drawn: what is right is known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ml
from ml.heads import labels, splits
from ml.heads.background import Background
from ml.heads.comparison import compare, mcnemar
from ml.heads.fitting import fit
from ml.heads.head import Head, normalised

FEATURES = 64
NAMES = ("bolt", "nut", "screw")


def drawn(per_class: int, classes: int = 3, *, spread: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of so many images of each class around the class's own direction, and their labels."""
    rng = np.random.default_rng(seed)
    centres = np.abs(np.random.default_rng(99).normal(size=(classes, FEATURES)))
    found = np.repeat(np.arange(classes), per_class)
    return (centres[found] + spread * rng.normal(size=(len(found), FEATURES))).astype(np.float32), found


def fitted(features: np.ndarray, found: np.ndarray, names=NAMES, groups=None):
    groups = [str(row) for row in range(len(found))] if groups is None else groups
    held_out = np.array([splits.is_held_out(group, "mine") for group in groups])
    return fit(features, found, groups, held_out, names)


@pytest.fixture(scope="module")
def large():
    return fitted(*drawn(60))


def accuracy(measured, found: np.ndarray) -> float:
    return float((measured.predictions.best() == found[measured.judged]).mean())


def test_few_images_are_measured_by_cross_validation():
    features, found = drawn(8)
    measured = fitted(features, found)
    assert measured.cross_validated
    assert len(measured.judged) == len(found)
    assert accuracy(measured, found) > 0.9


def test_head_learns_nothing_from_held_out_images():
    features, found = drawn(40)
    groups = [str(row) for row in range(len(found))]
    held_out = np.array([splits.is_held_out(group, "mine") for group in groups])
    measured = fitted(features, found)
    changed = features.copy()
    changed[held_out] = 5
    assert not measured.cross_validated
    assert set(measured.judged) == set(np.flatnonzero(held_out))
    np.testing.assert_array_equal(fitted(changed, found).head.kernel, measured.head.kernel)


def test_held_out_images_stay_held_out_when_others_are_added():
    first = {group: splits.is_held_out(group, "mine") for group in map(str, range(1000))}
    assert 0.15 < np.mean(list(first.values())) < 0.25
    assert first == {group: splits.is_held_out(group, "mine") for group in reversed(list(first))}
    assert first != {group: splits.is_held_out(group, "another") for group in first}


def test_copies_are_in_one_fold():
    groups = np.array([f"{row // 4}" for row in range(120)])
    for train, test in splits.folds(np.arange(120) % 2, groups):
        assert set(groups[train]).isdisjoint(groups[test])


def test_class_of_copies_of_one_image_cannot_be_measured():
    features, found = drawn(6)
    groups = ["one" if label == 0 else str(row) for row, label in enumerate(found)]
    with pytest.raises(ValueError, match="different images"):
        fitted(features, found, groups=groups)


def test_noise_is_not_taken_for_knowledge():
    rng = np.random.default_rng(3)
    features, found = rng.normal(size=(120, FEATURES)).astype(np.float32), np.arange(120) % 3
    assert accuracy(fitted(features, found), found) < 0.6


def test_small_class_is_found_beside_a_large_one():
    features, found = drawn(100, 2, spread=0.6)
    kept = np.concatenate([np.flatnonzero(found == 0), np.flatnonzero(found == 1)[:8]])
    measured = fitted(features[kept], found[kept], NAMES[:2])
    small = found[kept][measured.judged] == 1
    assert (measured.predictions.best()[small] == 1).mean() > 0.7


def test_head_abstains_from_what_is_unlike_its_examples(large):
    rng = np.random.default_rng(5)
    strange = np.abs(rng.normal(size=(100, FEATURES))).astype(np.float32)
    assert large.head.predict(strange).abstained.mean() > 0.9
    assert large.head.predict(drawn(50, seed=8)[0]).abstained.mean() < 0.2


def test_class_for_none_of_the_others_abstains():
    features, found = drawn(30)
    measured = fitted(features, found, ("bolt", "nut", "none"))
    answers = measured.head.predict(drawn(20, seed=4)[0])
    assert answers.abstained[answers.probabilities.argmax(axis=1) == 2].all()


def test_probabilities_are_probabilities(large):
    probabilities = large.head.predict(drawn(5)[0]).probabilities
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (large.out_of_fold[large.judged] == 0).all()


def test_two_classes_have_two_probabilities():
    features, found = drawn(12, 2)
    assert fitted(features, found, NAMES[:2]).head.predict(features).probabilities.shape == (24, 2)


def test_saved_head_answers_as_before(large):
    features = drawn(5, seed=2)[0]
    content = large.head.save()
    assert Head.load(content).class_names == NAMES
    for before, after in zip(large.head.predict(features), Head.load(content).predict(features)):
        np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda _: b"", lambda _: b"no head"])
def test_damaged_head_is_refused(large, damage):
    with pytest.raises(ValueError, match="not a head"):
        Head.load(damage(large.head.save()))


def test_head_is_served_without_scikit_learn_and_tensorflow(large, tmp_path):
    (tmp_path / "head.npz").write_bytes(large.head.save())
    program = (
        "import sys, numpy; sys.modules.update(dict.fromkeys(['sklearn', 'scipy', 'tensorflow', 'keras']));"
        "from ml.heads.head import Head; from pathlib import Path;"
        f"head = Head.load(Path({str(tmp_path / 'head.npz')!r}).read_bytes());"
        f"print(head.predict(numpy.ones((2, {FEATURES}))).probabilities.shape)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "(2, 3)"


def test_wrong_label_is_doubted_first():
    features, found = drawn(30)
    found = found.copy()
    found[7] = 2
    measured = fitted(features, found)
    judged = measured.out_of_fold.copy()
    judged[measured.judged] = measured.predictions.probabilities
    assert labels.doubts(judged, found).tolist() == [7]


def test_queue_asks_for_the_least_certain_image_of_each_group():
    certain, doubtful = [0.98, 0.01, 0.01], [0.4, 0.39, 0.21]
    probabilities = np.array([certain, doubtful, doubtful, *[certain] * 20])
    groups = np.array(["a", "b", "b", *map(str, range(20))])
    asked = labels.queue(probabilities, groups)
    assert asked[0] == 1
    assert sorted(asked) == [0, 1, *range(3, 23)]


@pytest.mark.parametrize(
    ("better", "worse", "p_value"), [(0, 0, 1), (5, 0, 0.0625), (6, 0, 0.03125), (3, 3, 1), (9, 1, 0.021484375)]
)
def test_mcnemar_is_exact(better, worse, p_value):
    assert mcnemar(better, worse) == pytest.approx(p_value)
    assert mcnemar(worse, better) == mcnemar(better, worse)


def outcome(count: int, wrong: int) -> np.ndarray:
    return np.where(np.arange(count) < wrong, 1, 0)


def test_few_flips_prove_nothing():
    found = compare(outcome(50, 0), outcome(50, 5), np.zeros(50, int), NAMES)
    assert (found.better, found.worse, found.verdict, found.reasons) == (5, 0, "unknown", [])


def test_proven_better_may_be_promoted():
    found = compare(outcome(50, 0), outcome(50, 6), np.zeros(50, int), NAMES)
    assert (found.verdict, found.reasons) == ("better", [])


def test_proven_worse_is_refused():
    found = compare(outcome(50, 10), outcome(50, 0), np.zeros(50, int), NAMES)
    assert found.verdict == "worse"
    assert ("worse", "") in found.reasons
    assert ("class_collapsed", "bolt") in found.reasons


def test_image_that_must_stay_right_breaks_the_gate():
    must = np.arange(50) == 0
    assert compare(outcome(50, 1), outcome(50, 0), np.zeros(50, int), NAMES, must).reasons == [("must_stay_right", "")]
    assert compare(outcome(50, 1), outcome(50, 1), np.zeros(50, int), NAMES, must).reasons == []


def photographs(count: int, seed: int) -> np.ndarray:
    """Features of anything: most of their variance is in a few directions, as a backbone's is."""
    rng = np.random.default_rng(seed)
    scales = np.concatenate([np.full(8, 3.0), np.full(FEATURES - 8, 0.3)])
    return normalised(
        np.abs(np.random.default_rng(5).normal(size=FEATURES)) + scales * rng.normal(size=(count, FEATURES))
    )


def test_five_images_of_a_class_are_enough_to_refuse_others_where_the_background_is_known():
    background = Background.fit(photographs(400, 1), "a" * 64)
    rng = np.random.default_rng(3)
    centres, found = photographs(3, 2), np.repeat(np.arange(3), 5)

    def examples(labels: np.ndarray) -> np.ndarray:
        return normalised(centres[labels] + 0.03 * rng.normal(size=(len(labels), FEATURES)))

    features, known, unknown = examples(found), examples(np.repeat(np.arange(3), 50)), photographs(300, 4)
    held_out = np.zeros(len(found), bool)
    groups = [str(row) for row in range(len(found))]
    answered = {}
    for name, one in {"with": background, "without": None}.items():
        head = fit(features, found, groups, held_out, NAMES, one).head
        assert (~head.predict(known).abstained).mean() > 0.8
        answered[name] = float((~head.predict(unknown).abstained).mean())
    assert answered["with"] < 0.05
    assert answered["with"] <= answered["without"]


def test_background_is_read_as_it_was_written(tmp_path):
    background = Background.fit(photographs(200, 1), "b" * 64)
    background.save(tmp_path)
    again = Background.of("b" * 64, tmp_path)
    assert Background.of("c" * 64, tmp_path) is None
    rows, centres = photographs(20, 2), photographs(3, 3)
    np.testing.assert_allclose(again.nearness(rows, centres), background.nearness(rows, centres), atol=0.01)


def test_head_is_not_loaded_without_the_statistics_that_its_threshold_needs():
    features, found = drawn(8)
    groups = [str(row) for row in range(len(found))]
    background = Background.fit(photographs(200, 1), "d" * 64)
    head = fit(features, found, groups, np.zeros(len(found), bool), NAMES, background).head
    with pytest.raises(ValueError, match="statistics of its backbone dddddddddddddddd are missing"):
        Head.load(head.save())


def test_shipped_statistics_belong_to_the_shipped_network():
    """A head of the site's own model is fitted with them."""
    card = json.loads((Path(ml.__file__).parent / "trained" / "cifar10_duo" / "photographs" / "card.json").read_text())
    background = Background.of(card["files"]["model.tflite"])
    assert background is not None
    assert background.directions.shape == (128, 1280)
