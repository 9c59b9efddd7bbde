"""Hold images out, and fold them, without a group of copies on both sides."""

import hashlib
from collections.abc import Sequence

import numpy as np

#: The share of groups that is held out.
HELD_OUT_SHARE = 0.2
#: Below so many images in its smallest class a classifier is measured by cross-validation.
FEWEST_TO_HOLD_OUT = 20
FOLDS = 5

#: Rows to learn from, and rows to judge.
Pairs = list[tuple[np.ndarray, np.ndarray]]


def is_held_out(group: str, classifier: str) -> bool:
    """Whether the images of a group are held out: the same answer for ever, whatever else is added."""
    digest = hashlib.sha256(f"{classifier}\n{group}".encode()).digest()
    return int.from_bytes(digest[:8]) < HELD_OUT_SHARE * 2**64


def folds(labels: np.ndarray, groups: Sequence[str] | np.ndarray, seed: int = 0) -> Pairs:
    """Return pairs of rows to learn from and rows to judge; a group is in one fold, and classes are spread evenly.

    There are as many folds as the smallest class has groups, up to FOLDS. Each class has to have two groups.
    """
    # The import takes a second, and nothing that is served needs it.
    from sklearn.model_selection import StratifiedGroupKFold

    numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
    fewest = min(len(np.unique(numbers[labels == label])) for label in np.unique(labels))
    if fewest < 2:
        raise ValueError("a class needs two different images to be measured")
    splitter = StratifiedGroupKFold(min(fewest, FOLDS), shuffle=True, random_state=seed)
    pairs = [(train, test) for train, test in splitter.split(labels, labels, numbers) if len(test)]
    # A large group may leave nothing of a class to learn from.
    found = [(train, test) for train, test in pairs if len(np.unique(labels[train])) == len(np.unique(labels))]
    if not found:
        raise ValueError("a class needs more different images to be measured")
    return found
