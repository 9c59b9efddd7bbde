import io

import numpy as np
import pytest

from ml.confidence.abstention import SCORES, FeatureStatistics, auroc, scores, threshold
from ml.confidence.calibration import Calibration

CLASSES = 4


def clusters(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (count, 8) scattered about one corner for each class, and the classes."""
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).normal(size=(count, 8))
    return (6 * np.eye(8)[labels] + noise).astype(np.float32), labels


def logits_of(features: np.ndarray) -> np.ndarray:
    return features[:, :CLASSES]


@pytest.fixture(scope="module")
def statistics() -> FeatureStatistics:
    return FeatureStatistics.fit(*clusters(400, seed=0), CLASSES)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_ranks_what_is_like_the_training_images_first(statistics, name):
    alike, _ = clusters(200, seed=1)
    unlike = np.random.default_rng(2).normal(-10, 0.5, (200, 8)).astype(np.float32)
    of_alike, of_unlike = (
        scores(name, logits_of(features), features, calibration=Calibration(1.5), statistics=statistics)
        for features in (alike, unlike)
    )
    assert of_alike.shape == (200,)
    assert auroc(of_alike, of_unlike) > 0.99


def test_maximum_probability_is_taken_at_the_temperature(statistics):
    logits = np.log([[1.0, 4.0, 25.0, 4.0]])
    found = scores("maximum_probability", logits, np.zeros((1, 8)), calibration=Calibration(2), statistics=statistics)
    assert found == pytest.approx([0.5], rel=1e-6)


def test_energy_is_the_logarithm_of_the_summed_exponentials(statistics):
    logits = np.random.default_rng(3).normal(0, 5, (20, CLASSES))
    found = scores("energy", logits, np.zeros((20, 8)), calibration=Calibration(2), statistics=statistics)
    assert found == pytest.approx(np.log(np.exp(logits).sum(axis=1)))
    far = scores("energy", logits + 1e4, np.zeros((20, 8)), calibration=Calibration(2), statistics=statistics)
    assert far == pytest.approx(found + 1e4)


def test_mahalanobis_distance_is_that_counted_by_hand():
    # About each of two means, variances of 2 and 0.5; a thousandth of their mean is added to both.
    around = np.array([[2, 0], [-2, 0], [0, 1], [0, -1]])
    features = np.concatenate([around, around + np.array([10, 4])])
    statistics = FeatureStatistics.fit(features, np.repeat([0, 1], 4), 2)
    asked = np.array([[2, 0], [0, 3], [10, 4], [11, 4]])
    found = scores("mahalanobis", np.zeros((4, 2)), asked, calibration=Calibration(1), statistics=statistics)
    assert found == pytest.approx([-4 / 2, -9 / 0.5, 0, -1 / 2], rel=5e-3, abs=1e-6)
    assert statistics.class_distances(asked)[0] == pytest.approx([4 / 2, 64 / 2 + 16 / 0.5], rel=5e-3)


def test_distances_are_those_of_the_inverse_covariances():
    rng = np.random.default_rng(4)
    labels = np.arange(300) % 3
    features = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + rng.normal(0, 3, (3, 6))[labels]
    asked = rng.normal(0, 3, (20, 6))
    statistics = FeatureStatistics.fit(features, labels, 3)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(3)])

    def squared(moved: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        shrunk = covariance + 1e-3 * np.trace(covariance) / 6 * np.eye(6)
        return np.einsum("ni,ij,nj->n", moved, np.linalg.inv(shrunk), moved)

    within = np.cov(features - means[labels], rowvar=False, bias=True)
    nearest = np.min([squared(asked - mean, within) for mean in means], axis=0)
    from_all = squared(asked - features.mean(axis=0), np.cov(features, rowvar=False, bias=True))
    found = scores("relative_mahalanobis", np.zeros((20, 3)), asked, calibration=Calibration(1), statistics=statistics)
    assert statistics.class_distances(asked).min(axis=1) == pytest.approx(nearest, rel=1e-3)
    assert statistics.distance(asked) == pytest.approx(from_all, rel=1e-3)
    assert found == pytest.approx(from_all - nearest, rel=1e-3)


def test_unknown_score_error_lists_the_names(statistics):
    with pytest.raises(ValueError, match="'entropy'") as caught:
        scores("entropy", np.zeros((1, CLASSES)), np.zeros((1, 8)), calibration=Calibration(1), statistics=statistics)
    assert all(name in str(caught.value) for name in SCORES)


@pytest.mark.parametrize("count", [1, 7, 20, 21, 5000])
@pytest.mark.parametrize("coverage", [0.5, 0.95, 1.0])
def test_threshold_is_reached_by_the_share_wanted_and_hardly_more(count, coverage):
    values = np.random.default_rng(5).normal(size=count).astype(np.float32)
    reached = (values >= threshold(values, coverage)).sum()
    assert coverage * count <= reached <= coverage * count + 1


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([3, 4], [1, 2], 1),
        ([1, 2], [3, 4], 0),
        ([1, 3], [2], 0.5),
        ([1, 1], [1, 1, 1], 0.5),
        ([1, 2, 3], [2, 0], (0 + 1 + 0.5 + 1 + 1 + 1) / 6),
    ],
)
def test_auroc_counts_pairs_and_ties_by_half(positive, negative, expected):
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(expected)
    assert auroc(np.array(negative), np.array(positive)) == pytest.approx(1 - expected)


@pytest.mark.parametrize("name", SCORES)
def test_fewer_images_than_features_and_dead_features_give_finite_scores(name):
    features = np.random.default_rng(6).random((10, 64), np.float32)
    features[:, 40:] = 0
    statistics = FeatureStatistics.fit(features, np.arange(10) % 2, 2)
    asked = np.random.default_rng(7).random((20, 64), np.float32)
    assert np.isfinite(scores(name, asked[:, :2], asked, calibration=Calibration(1), statistics=statistics)).all()


def test_network_of_dead_features_alone_gives_finite_distances():
    statistics = FeatureStatistics.fit(np.zeros((6, 3), np.float32), np.arange(6) % 2, 2)
    assert np.isfinite(statistics.class_distances(np.zeros((2, 3)))).all()
    assert np.isfinite(statistics.distance(np.zeros((2, 3)))).all()


def test_saved_statistics_are_loaded_as_they_were(statistics, tmp_path):
    statistics.save(tmp_path / "statistics.npz")
    again = FeatureStatistics.load((tmp_path / "statistics.npz").read_bytes())
    for name, values in vars(statistics).items():
        loaded = getattr(again, name)
        assert loaded.dtype == np.float32
        assert np.array_equal(loaded, values)


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def other_arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, centre=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"statistics.npz", npy(), other_arrays()], ids=["empty", "text", "one array", "other arrays"]
)
def test_file_of_something_else_is_a_value_error(content):
    with pytest.raises(ValueError, match=r"not the statistics of a model|pickled"):
        FeatureStatistics.load(content)


def cut_short(content: bytearray) -> bytearray:
    return content[: len(content) // 2]


def with_one_byte_changed(content: bytearray) -> bytearray:
    content[len(content) // 2] ^= 255
    return content


@pytest.mark.parametrize("damage", [cut_short, with_one_byte_changed])
def test_damaged_file_is_a_value_error(statistics, damage, tmp_path):
    path = tmp_path / "statistics.npz"
    statistics.save(path)
    with pytest.raises(ValueError, match="not the statistics of a model"):
        FeatureStatistics.load(bytes(damage(bytearray(path.read_bytes()))))
