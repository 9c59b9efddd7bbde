"""The confusion matrix of a model's test as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.presentation.class_labels import class_label
from classifier.services.models.measurements import percent
from ml.artifacts.folder import Card

#: With more classes a full matrix is unreadable, so only the worst confusions are listed.
_MOST_SHOWN_WHOLE = 15
_WORST_SHOWN = 20
_SHADES = 10


@dataclass(frozen=True)
class Cell:
    """shade: from 0 to 10, by the share of the true class's images. right: whether that is the class itself."""

    count: int
    share: str
    shade: int
    right: bool


@dataclass(frozen=True)
class Row:
    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Pair:
    """A confusion: the count and share of images of the true class that were predicted as another."""

    true: str
    predicted: str
    count: int
    share: str


@dataclass(frozen=True)
class Confusion:
    """columns: the classes as predicted. rows: every true class; none where there are too many classes for a table.

    worst: the pairs that are mixed up most, the worst first.
    """

    columns: list[str]
    rows: list[Row]
    worst: list[Pair]


def confusion(card: Card) -> Confusion | None:
    """Return the matrix of the test images; None of a model that was never tested."""
    counts = card.metrics.get("test", {}).get("confusion")
    return confusion_of(counts, card.class_names) if counts else None


def confusion_of(counts: list[list[int]], class_names: Sequence[str]) -> Confusion:
    """Return the matrix of these counts, a row for each true class."""
    # The class for none of the others has no test images; it is shown where something was taken for it.
    columns = [index for index in range(len(counts)) if any(counts[index]) or any(row[index] for row in counts)]
    rows = [index for index, row in enumerate(counts) if any(row)]
    label = [class_label(name) for name in class_names]
    pairs = sorted(
        ((counts[true][predicted], true, predicted) for true in rows for predicted in columns if true != predicted),
        key=lambda pair: -pair[0],
    )
    return Confusion(
        [label[index] for index in columns],
        [Row(label[true], [_cell(counts[true], predicted, true) for predicted in columns]) for true in rows]
        if len(columns) <= _MOST_SHOWN_WHOLE
        else [],
        [
            Pair(label[true], label[predicted], count, percent(count / sum(counts[true]), 1))
            for count, true, predicted in pairs[:_WORST_SHOWN]
            if count
        ],
    )


def _cell(counts: list[int], predicted: int, true: int) -> Cell:
    share = counts[predicted] / sum(counts)
    # By the root, so that one confusion in a hundred is told from one in ten.
    shade = math.ceil(_SHADES * math.sqrt(share))
    return Cell(counts[predicted], percent(share, 1), shade, predicted == true)
