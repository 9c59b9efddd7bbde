"""Real photographs to measure on: a folder for each class they show, and `none/` for what is none of them.

Where thumbnails end and uploads begin: how often the model is right, and whether it knows what it does not know.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml import abstention, evaluation, image_folder
from ml.dataset import DatasetError, Progress, Split
from ml.decision import DecisionRule
from ml.evaluation import Network

NONE_FOLDER = "none"


@dataclass(frozen=True)
class Photographs:
    """known: photographs of the model's classes; unknown: of none of them, uint8 (N, height, width, 3)."""

    known: Split
    unknown: np.ndarray


@dataclass(frozen=True)
class ScoreFigures:
    """How well one score tells the classes from what is none of them.

    auroc: how often a photograph of a class scores above one of none, ties counting half; None without the latter.
    answered_known, answered_unknown: the shares that reach the threshold fixed on validation images.
    """

    auroc: float | None
    answered_known: float
    answered_unknown: float | None


@dataclass(frozen=True)
class PhotographEvaluation:
    """accuracy: over images, with its 95% Wilson interval; macro_accuracy: the mean over classes of that within each.

    score: the one by which the model abstains; scores: every one of them, side by side.
    """

    count: int
    unknown_count: int
    accuracy: float
    interval: tuple[float, float]
    macro_accuracy: float
    per_class: dict[str, dict[str, float]]
    answered_accuracy: float | None
    score: str | None
    scores: dict[str, ScoreFigures]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "interval": list(self.interval)}


def load(
    folder: Path, class_names: tuple[str, ...], shape: tuple[int, int, int], progress: Progress | None = None
) -> Photographs:
    """Read the photographs as the site reads an upload. Raises DatasetError.

    Classes without a folder are left out; a folder that is no class of the model is an error.
    """
    if not image_folder.holds_classes(folder):
        raise DatasetError(f"There are no photographs in {folder}: one sub-folder for each class is wanted.")
    # A model that has learnt a class "none" knows what such pictures are.
    names = tuple(dict.fromkeys((*class_names, NONE_FOLDER)))
    files = image_folder.list_images(folder, names, fewest=0)
    labels = np.array([label for _, label in files], np.int64)
    if not (labels < len(class_names)).any():
        raise DatasetError(f"{folder} has no photograph of {', '.join(class_names)}.")
    images = image_folder.read_images([path for path, _ in files], shape[:2], progress=progress)
    known = labels < len(class_names)
    return Photographs(Split(images[known], labels[known]), images[~known])


def evaluate(
    network: Network, rule: DecisionRule, photographs: Photographs, class_names: tuple[str, ...]
) -> PhotographEvaluation:
    known = evaluation.run(network, photographs.known.images)
    unknown = evaluation.run(network, photographs.unknown) if len(photographs.unknown) else None
    labels, answers = photographs.known.labels, rule.answer(known)
    right = answers.probabilities.argmax(axis=1) == labels
    per_class = {
        class_names[label]: {"accuracy": float(right[labels == label].mean()), "count": int((labels == label).sum())}
        for label in np.unique(labels)
    }
    figures = {}
    for name in abstention.SCORES:
        of_known, limit = rule.scores(name, known), rule.thresholds[name]
        of_unknown = None if unknown is None else rule.scores(name, unknown)
        figures[name] = ScoreFigures(
            auroc=None if of_unknown is None else abstention.auroc(of_known, of_unknown),
            answered_known=float((of_known >= limit).mean()),
            answered_unknown=None if of_unknown is None else float((of_unknown >= limit).mean()),
        )
    answered = ~answers.abstained
    return PhotographEvaluation(
        count=len(labels),
        unknown_count=len(photographs.unknown),
        accuracy=float(right.mean()),
        interval=evaluation.wilson_interval(int(right.sum()), len(labels)),
        macro_accuracy=float(np.mean([of_class["accuracy"] for of_class in per_class.values()])),
        per_class=per_class,
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
        score=rule.score,
        scores=figures,
    )
