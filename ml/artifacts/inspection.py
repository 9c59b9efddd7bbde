"""Check a model folder against its card: files, classes, and the graph's outputs."""

from pathlib import Path

import numpy as np

from ml.artifacts import folder as artifacts
from ml.artifacts import probe
from ml.artifacts.folder import LITERT_FILE, STATISTICS_FILE, ArtifactError, Card
from ml.artifacts.litert import Graph
from ml.confidence.abstention import FeatureStatistics
from ml.confidence.calibration import softmax
from ml.confidence.decision import Outputs


def inspect(folder: Path) -> Card:
    """Return the card of a folder that can be served. Raises ArtifactError, which names what is wrong.

    Every file has its checksum, figures and statistics have the card's classes, and the graph takes the card's input
    and gives the same outputs for the probe images as the Keras network.
    """
    card = artifacts.verify(folder)
    _check_figures(folder, card)
    for name in card.network_folders:
        _check_network(folder / name)
    return card


def _check_figures(folder: Path, card: Card) -> None:
    for split, figures in card.metrics.items():
        # A data set may have no images of the class "none".
        if not set(figures.get("per_class", {})) <= set(card.class_names):
            raise _other_classes(
                folder, card, f"its figures on the {split} split are of {', '.join(figures['per_class'])}"
            )


def _check_network(folder: Path) -> None:
    card = artifacts.load_card(folder)
    count = len(card.class_names)
    pixels = probe.images(card.input_shape)
    try:
        values = Graph(artifacts.read_verified(folder, card, LITERT_FILE))(pixels)
    except (ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{folder / LITERT_FILE} does not answer images of {card.input_shape} ({error})."
        ) from error
    features = values.shape[1] - count
    if card.statistics:
        try:
            statistics = FeatureStatistics.load(artifacts.read_verified(folder, card, STATISTICS_FILE))
        except ValueError as error:
            raise ArtifactError(f"{folder / STATISTICS_FILE} cannot be read ({error}).") from error
        if statistics.class_centres.shape != (count, features):
            raise _other_classes(
                folder, card, f"its graph and statistics are of {len(statistics.class_centres)} classes"
            )
    elif features < 1:
        raise _other_classes(folder, card, f"its graph gives {values.shape[1]} values")
    if expected := card.export.get("probe"):
        tolerance = probe.TOLERANCES[card.export.get("arithmetic", "float32")]
        found = softmax(Outputs.split(values, count).logits)
        _check_answers(folder, found, np.array(expected, np.float32), tolerance)


def _check_answers(folder: Path, found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    # Not `>`, so that NaN does not pass.
    if not difference <= tolerance:
        raise ArtifactError(
            f"{folder / LITERT_FILE} does not answer as the network that its card describes: probabilities differ by "
            f"{difference:.1e}, at most {tolerance:.0e} is allowed. Export or train the model again."
        )


def _other_classes(folder: Path, card: Card, found: str) -> ArtifactError:
    return ArtifactError(
        f"{folder} has other classes than its card, which says {', '.join(card.class_names)}: {found}."
    )
