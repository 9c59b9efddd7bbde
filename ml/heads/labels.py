"""Which labels to doubt, and which images to label next."""

import numpy as np

#: A label that images of other folds find less probable than this is doubted.
LEAST_PLAUSIBLE = 0.2
#: Every so many images of the queue one is drawn at random, or the figures would be of hard images only.
EVERY_RANDOM = 10


def doubts(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the rows whose label is improbable by out-of-fold probabilities (N, classes), the least probable first.

    Rows without probabilities, all zero, are not doubted (Northcutt et al. 2021, "Confident Learning").
    """
    given = probabilities[np.arange(len(labels)), labels]
    judged = probabilities.sum(axis=1) > 0
    wrong = probabilities.argmax(axis=1) != labels
    order = np.argsort(given, kind="stable")
    return order[(judged & wrong & (given < LEAST_PLAUSIBLE))[order]]


def queue(probabilities: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return rows of unlabelled images in the order to label them: the smallest margin between two classes first.

    One image of each group of copies, and one in ten at random.
    """
    largest = np.sort(probabilities, axis=1)
    margins = largest[:, -1] - largest[:, -2] if probabilities.shape[1] > 1 else largest[:, -1]
    order = np.argsort(margins, kind="stable")
    order = order[np.sort(np.unique(groups[order], return_index=True)[1])]
    drawn = iter(np.random.default_rng(seed).permutation(order).tolist())
    found: list[int] = []
    for row in order.tolist():
        if len(found) % EVERY_RANDOM == EVERY_RANDOM - 1:
            found.append(next(one for one in drawn if one not in found))
        if row not in found:
            found.append(row)
    return np.array(found, int)
