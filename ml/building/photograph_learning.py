"""Teach the head for photographs from a folder of them, by source; and measure it on sources that it has not seen.

Photographs of one collection look alike. So a source, which file names begin with (`phones_0012.jpg`), is in one fold
entirely: temperature, threshold and figures are of photographs whose source taught nothing.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from ml.classes import NONE_CLASS
from ml.confidence import abstention, calibration
from ml.data import image_folder, image_reading
from ml.data.dataset import DatasetError, Split
from ml.evaluation.photographs import AnsweredFigures, source_of
from ml.networks import class_map, photograph_head
from ml.networks.class_map import PHOTOGRAPH_CLASSES
from ml.networks.photograph_head import Head

if TYPE_CHECKING:
    import keras

#: The share of photographs of the classes that is answered.
COVERAGE = 0.97
#: Of what is learnt from: blurred photographs, and enlarged thumbnails.
BLURRED_SHARE, THUMBNAILS_SHARE = 0.1, 0.05
FOLDS = 5

_NONE = PHOTOGRAPH_CLASSES.index(NONE_CLASS)
_FEWEST_SOURCES = 2
_EVERY_BLURRED = 5
_THUMBNAILS_A_CLASS = 300
_SMALLEST_SIDE, _LARGEST_SIDE = 65, 500
_READ_AT_ONCE = 400
_BATCH = 50
_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


class Examples(NamedTuple):
    """features (N, F), log_sums (N, classes), labels (N,), sources (N,) str."""

    features: np.ndarray
    log_sums: np.ndarray
    labels: np.ndarray
    sources: np.ndarray

    def take(self, rows: np.ndarray) -> "Examples":
        return Examples(*(values[rows] for values in self))


class Taught(NamedTuple):
    """The head, what its logits are divided by, the largest probability from which it answers, and its figures."""

    head: Head
    temperature: float
    threshold: float
    figures: dict[str, Any]


class Backbone:
    """What ImageNet's network sees of pictures: features, and the logarithms of its probabilities in our classes."""

    def __init__(self, imagenet: "keras.Model", to_pixels: Callable[[Image.Image], np.ndarray]) -> None:
        import keras

        self._network = keras.Model(imagenet.input, imagenet.get_layer("features").output)
        self._kernel, self._bias = imagenet.layers[-1].get_weights()
        self.to_pixels = to_pixels

    def features(self, pixels: list[np.ndarray]) -> np.ndarray:
        """Return features (N, F) of what `to_pixels` made of pictures."""
        return np.concatenate(
            [
                self._network.predict_on_batch(np.stack(pixels[start : start + _BATCH]).astype("float32"))
                for start in range(0, len(pixels), _BATCH)
            ]
        )

    def log_sums(self, features: np.ndarray) -> np.ndarray:
        probabilities = calibration.softmax(features @ self._kernel + self._bias)
        return np.log(np.maximum(probabilities @ class_map.sums(), photograph_head.LEAST_SUM))


def teach(backbone: Backbone, folder: Path, thumbnails: Split) -> Taught:
    """Teach the head from the photographs in `folder`, a sub-folder for each class and for `none`, and from thumbnails
    of the classes, uint8 (N, H, W, 3). Raises DatasetError.
    """
    photographs, blurred = read(backbone, folder)
    folds = folds_by_source(photographs.labels, photographs.sources)
    enlarged = _examples(backbone, list(_enlarged(thumbnails)), backbone.to_pixels)
    logits = np.zeros((len(photographs.labels), len(PHOTOGRAPH_CLASSES)), np.float32)
    for fold in range(int(folds.max()) + 1):
        held_out = np.unique(photographs.sources[folds == fold])
        parts = (_without(photographs, held_out), _without(blurred, held_out), enlarged)
        logits[folds == fold] = _fit(*parts).logits(*photographs.take(folds == fold)[:2])
    weights = photograph_head.shares(photographs.labels, photographs.sources, _NONE)
    temperature = calibration.fit_temperature(logits, photographs.labels, weights)
    probabilities = calibration.softmax(logits, temperature)
    threshold = _threshold(probabilities, photographs.labels, weights)
    return Taught(
        _fit(photographs, blurred, enlarged),
        temperature,
        threshold,
        _figures(probabilities, photographs, threshold),
    )


def read(backbone: Backbone, folder: Path) -> tuple[Examples, Examples]:
    """Return the photographs, and blurred copies of every fifth. Raises DatasetError."""
    files = image_folder.list_images(folder, PHOTOGRAPH_CLASSES, fewest=1)
    if len({source_of(path) for path, _ in files}) < _FEWEST_SOURCES:
        raise DatasetError(
            f"The photographs in {folder} come from one source. Begin the name of every file with its source and `_`, "
            "such as phones_0012.jpg: the head is measured on sources that taught it nothing."
        )
    rng = np.random.default_rng(0)
    found: list[Examples] = []
    blurred: list[Examples] = []
    for start in range(0, len(files), _READ_AT_ONCE):
        part = files[start : start + _READ_AT_ONCE]
        pictures = image_reading.read_pictures([path for path, _ in part], lambda decoded: decoded.picture)
        labelled = [(picture, label, source_of(path)) for picture, (path, label) in zip(pictures, part)]
        found.append(_examples(backbone, labelled, backbone.to_pixels))
        blurred.append(
            _examples(backbone, labelled[::_EVERY_BLURRED], lambda picture: backbone.to_pixels(_blur(picture, rng)))
        )
    return _joined(found), _joined(blurred)


def folds_by_source(labels: np.ndarray, sources: np.ndarray, count: int = FOLDS) -> np.ndarray:
    """Return the fold of each photograph, (N,): a source is in one fold, and every class is spread over them.

    The largest sources come first, each to the fold that has the least of its classes.
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


def _fit(photographs: Examples, blurred: Examples, enlarged: Examples) -> Head:
    kinds = (photographs, blurred, enlarged)
    parts = (1 - BLURRED_SHARE - THUMBNAILS_SHARE, BLURRED_SHARE, THUMBNAILS_SHARE)
    weights = [
        part * photograph_head.shares(examples.labels, examples.sources, _NONE) for examples, part in zip(kinds, parts)
    ]
    every = _joined(kinds)
    total = np.concatenate(weights)
    return photograph_head.fit(every.features, every.log_sums, every.labels, total / total.sum())


def _threshold(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the largest probability that so much of the photographs of the classes reaches, by their weights."""
    known = labels != _NONE
    scores = np.delete(probabilities[known], _NONE, axis=1).max(axis=1)
    return abstention.threshold(scores, COVERAGE, weights[known])


def _figures(probabilities: np.ndarray, photographs: Examples, threshold: float) -> dict[str, Any]:
    """What the folds came to, for the card: within each class, and for what is none of them."""
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


def _examples(
    backbone: Backbone, labelled: list[tuple[Image.Image, int, str]], to_pixels: Callable[[Image.Image], np.ndarray]
) -> Examples:
    features = backbone.features([to_pixels(picture) for picture, _, _ in labelled])
    labels, sources = [label for _, label, _ in labelled], [source for _, _, source in labelled]
    return Examples(features, backbone.log_sums(features), np.array(labels), np.array(sources, str))


def _joined(parts: Iterable[Examples]) -> Examples:
    return Examples(*(np.concatenate(values) for values in zip(*parts)))


def _without(examples: Examples, sources: np.ndarray) -> Examples:
    return examples.take(~np.isin(examples.sources, sources))


def _enlarged(thumbnails: Split) -> Iterator[tuple[Image.Image, int, str]]:
    """Some thumbnails of each class at some side, by one of the ways of enlarging, every second one through JPEG."""
    rng = np.random.default_rng(0)
    for label in np.unique(thumbnails.labels):
        for row in rng.permutation(np.flatnonzero(thumbnails.labels == label))[:_THUMBNAILS_A_CLASS]:
            side = round(np.exp(rng.uniform(np.log(_SMALLEST_SIDE), np.log(_LARGEST_SIDE))))
            picture = Image.fromarray(thumbnails.images[row]).resize((side, side), _KERNELS[rng.integers(4)])
            yield _recoded(picture, rng), int(label), "thumbnails"


def _blur(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Reduce the picture to 32 to 96 pixels on its shorter side and enlarge it again, or blur it."""
    if rng.random() < 0.5:
        scale = np.exp(rng.uniform(np.log(32), np.log(96))) / min(picture.size)
        small = picture.resize([max(8, round(scale * side)) for side in picture.size], Image.Resampling.BICUBIC)
        return _recoded(small.resize(picture.size, _KERNELS[rng.integers(1, 4)]), rng)
    return _recoded(picture.filter(ImageFilter.GaussianBlur(rng.uniform(1, 4))), rng)


def _recoded(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5:
        return picture
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(70, 95)))
    return Image.open(buffer).convert("RGB")
