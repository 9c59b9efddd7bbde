"""Train the photo head on a folder of photos, and evaluate it on sources that it has not seen.

Photographs of one collection look alike. Each source, the prefix of a file name (`phones_0012.jpg`), is therefore in
one fold: temperature, threshold and figures come from photographs whose source was not trained on.

A label that a head trained on the other sources finds almost impossible is probably wrong, and is not trained on
(Northcutt et al. 2021, "Confident Learning"); it still counts in the figures.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ml.building import photograph_examples
from ml.building.photograph_examples import EVERY_BLURRED, Backbone, Examples, joined
from ml.classes import NONE_CLASS
from ml.confidence import abstention, calibration
from ml.data.dataset import Split
from ml.evaluation.photographs import AnsweredFigures
from ml.networks import photograph_head
from ml.networks.class_map import PHOTOGRAPH_CLASSES
from ml.networks.photograph_head import Head

#: The share of photographs of the classes on which the model does not abstain.
COVERAGE = 0.97
#: The shares of training examples: blurred photos, and enlarged thumbnails.
BLURRED_SHARE, THUMBNAILS_SHARE = 0.1, 0.05
FOLDS = 5
#: A label with less probability than this is taken to be wrong.
LEAST_PLAUSIBLE = 0.02

_NONE = PHOTOGRAPH_CLASSES.index(NONE_CLASS)


class Taught(NamedTuple):
    """The head, the temperature of its logits, its threshold of the largest probability, and its figures."""

    head: Head
    temperature: float
    threshold: float
    figures: dict[str, Any]


def teach(backbone: Backbone, folder: Path, thumbnails: Split) -> Taught:
    """Train the head on the photographs in `folder`, with a sub-folder for each class and for `none`, and on thumbnails
    of the classes, uint8 (N, H, W, 3). Raises DatasetError.
    """
    photographs, blurred = photograph_examples.read(backbone, folder)
    enlarged = photograph_examples.enlarged(backbone, thumbnails)
    folds = folds_by_source(photographs.labels, photographs.sources)
    every = np.ones(len(folds), bool)
    probabilities = calibration.softmax(_out_of_fold(photographs, blurred, enlarged, folds, every))
    plausible = probabilities[np.arange(len(folds)), photographs.labels] >= LEAST_PLAUSIBLE
    logits = _out_of_fold(photographs, blurred, enlarged, folds, plausible)
    weights = photograph_head.shares(photographs.labels, photographs.sources, _NONE)
    temperature = calibration.fit_temperature(logits, photographs.labels, weights)
    probabilities = calibration.softmax(logits, temperature)
    threshold = _threshold(probabilities, photographs.labels, weights)
    return Taught(
        _fit(photographs, blurred, enlarged, plausible),
        temperature,
        threshold,
        {**_figures(probabilities, photographs, threshold), "implausible": int((~plausible).sum())},
    )


def folds_by_source(labels: np.ndarray, sources: np.ndarray, count: int = FOLDS) -> np.ndarray:
    """Return the fold of each photograph, (N,): a source is in one fold, and every class is spread over them.

    The largest sources are placed first, each in the fold with the fewest images of its classes.
    """
    names, places = np.unique(sources, return_inverse=True)
    table = np.zeros((len(names), int(labels.max()) + 1))
    np.add.at(table, (places, labels), 1)
    shares = table / np.maximum(table.sum(axis=0), 1)
    count = min(count, len(names))
    filled, of_source = np.zeros((count, shares.shape[1])), np.zeros(len(names), int)
    for source in np.argsort(-shares.sum(axis=1), kind="stable"):
        of_source[source] = np.argmin(np.square(filled + shares[source]).sum(axis=1) - np.square(filled).sum(axis=1))
        filled[of_source[source]] += shares[source]
    return of_source[places]


def _out_of_fold(
    photographs: Examples, blurred: Examples, enlarged: Examples, folds: np.ndarray, learnt_from: np.ndarray
) -> np.ndarray:
    """Return the logits, (N, classes), for photographs of sources on which the head was not trained."""
    logits = np.zeros((len(folds), len(PHOTOGRAPH_CLASSES)), np.float32)
    for fold in range(int(folds.max()) + 1):
        head = _fit(photographs, blurred, enlarged, learnt_from & (folds != fold))
        logits[folds == fold] = head.logits(*photographs.take(folds == fold)[:2])
    return logits


def _fit(photographs: Examples, blurred: Examples, enlarged: Examples, rows: np.ndarray) -> Head:
    """Fit a head to the photographs of these rows, bool (N,), to their blurred copies and to the thumbnails."""
    kinds = (photographs.take(rows), blurred.take(rows[::EVERY_BLURRED]), enlarged)
    parts = (1 - BLURRED_SHARE - THUMBNAILS_SHARE, BLURRED_SHARE, THUMBNAILS_SHARE)
    weights = [
        part * photograph_head.shares(examples.labels, examples.sources, _NONE) for examples, part in zip(kinds, parts)
    ]
    every = joined(kinds)
    total = np.concatenate(weights)
    return photograph_head.fit(every.features, every.log_sums, every.labels, total / total.sum())


def _threshold(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the threshold that a share COVERAGE of the photographs of the classes reaches, by weight."""
    known = labels != _NONE
    scores = np.delete(probabilities[known], _NONE, axis=1).max(axis=1)
    return abstention.threshold(scores, COVERAGE, weights[known])


def _figures(probabilities: np.ndarray, photographs: Examples, threshold: float) -> dict[str, Any]:
    """The results of the folds for the card: per class, and for none of the classes."""
    known = np.delete(probabilities, _NONE, axis=1)
    right, answered = known.argmax(axis=1) == photographs.labels, known.max(axis=1) >= threshold
    unknown = photographs.labels == _NONE
    return {
        "photographs": len(unknown),
        "sources": sorted(set(photographs.sources.tolist())),
        "per_class": {
            name: asdict(AnsweredFigures.of(right[rows], answered[rows]))
            for label, name in enumerate(PHOTOGRAPH_CLASSES[:_NONE])
            if (rows := photographs.labels == label).any()
        },
        "none_answered": float(answered[unknown].mean()) if unknown.any() else None,
        "auroc": abstention.auroc(known[~unknown].max(axis=1), known[unknown].max(axis=1)) if unknown.any() else None,
    }
