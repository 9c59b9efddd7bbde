"""The most confident mistakes on a split: `mistakes.png` has the images in rows, `mistakes.json` their classes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.artifacts.card import ArtifactError

IMAGES_FILE, ANSWERS_FILE = "mistakes.png", "mistakes.json"
#: How many are stored at most, and how many stand in a row of the picture.
MOST, COLUMNS = 25, 5


@dataclass(frozen=True)
class Mistake:
    """true, predicted: indices of class names. confidence: of the predicted class. left, top: its place, in pixels."""

    true: int
    predicted: int
    confidence: float
    left: int
    top: int


@dataclass(frozen=True)
class Mistakes:
    """The most confident mistake comes first. height, width: of one image, in pixels."""

    height: int
    width: int
    items: list[Mistake]


def save_mistakes(images: Any, labels: np.ndarray, probabilities: np.ndarray, folder: Path) -> None:
    """Write the mistakes among images, with labels (N,) and probabilities (N, classes).

    images: uint8 (N, height, width, 3), an array or a `PixelFile`; at least one.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST]
    height, width = images[0].shape[:2]
    picture = np.full((max(-(-len(shown) // COLUMNS), 1) * height, COLUMNS * width, 3), 255, np.uint8)
    items = []
    for place, index in enumerate(shown):
        top, left = place // COLUMNS * height, place % COLUMNS * width
        picture[top : top + height, left : left + width] = images[index]
        items.append(Mistake(int(labels[index]), int(predicted[index]), round(float(confidence[index]), 4), left, top))
    Image.fromarray(picture).save(folder / IMAGES_FILE, optimize=True)
    values = asdict(Mistakes(height, width, items))
    (folder / ANSWERS_FILE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def load_mistakes(folder: Path) -> Mistakes:
    """Return what `save_mistakes` wrote. Raises ArtifactError if it is missing or damaged."""
    try:
        values = json.loads((folder / ANSWERS_FILE).read_text(encoding="utf-8"))
        return Mistakes(values["height"], values["width"], [Mistake(**item) for item in values["items"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder / ANSWERS_FILE} cannot be read: {error}") from error
