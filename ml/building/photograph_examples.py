"""Training examples of the photo head: photos with their sources, blurred ones, and enlarged thumbnails."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from ml.artifacts.litert import Graph
from ml.data import image_folder, image_reading
from ml.data.dataset import DatasetError, Split
from ml.evaluation.photographs import source_of
from ml.networks.class_map import PHOTOGRAPH_CLASSES

#: One of this many photographs is also blurred.
EVERY_BLURRED = 5
_FEWEST_SOURCES = 2
_SAMPLED_A_CLASS = 100
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

#: A decoded picture, its label and its source.
Labelled = tuple[Image.Image, int, str]


class Examples(NamedTuple):
    """features (N, F), log_sums (N, classes), labels (N,), sources (N,) str."""

    features: np.ndarray
    log_sums: np.ndarray
    labels: np.ndarray
    sources: np.ndarray

    def take(self, rows: np.ndarray) -> "Examples":
        return Examples(*(values[rows] for values in self))


class Backbone:
    """Compute the features of images with the photo network's graph, whose head has no correction yet.

    graph: the served graph of `ml.networks.photograph_network.corrected_network`. to_pixels: converts a decoded picture
    to its input, uint8 (height, width, 3).
    """

    def __init__(self, graph: Graph, to_pixels: Callable[[Image.Image], np.ndarray]) -> None:
        self._graph = graph
        self.to_pixels = to_pixels

    def outputs(self, pixels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return features (N, F) and the logarithms of ImageNet's summed probabilities (N, classes)."""
        batches = (np.stack(pixels[start : start + _BATCH]) for start in range(0, len(pixels), _BATCH))
        outputs = np.concatenate([self._graph(batch) for batch in batches])
        classes = len(PHOTOGRAPH_CLASSES)
        return outputs[:, classes:], outputs[:, :classes]


def read(backbone: Backbone, folder: Path) -> tuple[Examples, Examples]:
    """Return the photographs, and blurred copies of every fifth. Raises DatasetError."""
    files = _list(folder)
    rng = np.random.default_rng(0)
    found: list[Examples] = []
    blurred: list[Examples] = []
    for start in range(0, len(files), _READ_AT_ONCE):
        part = files[start : start + _READ_AT_ONCE]
        pictures = image_reading.read_images([path for path, _ in part], lambda decoded: decoded.picture)
        labelled = [(picture, label, source_of(path)) for picture, (path, label) in zip(pictures, part)]
        found.append(_examples(backbone, labelled, backbone.to_pixels))
        blurred.append(
            _examples(backbone, labelled[::EVERY_BLURRED], lambda picture: backbone.to_pixels(_blur(picture, rng)))
        )
    return joined(found), joined(blurred)


def sample(folder: Path, to_pixels: Callable[[Image.Image], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and labels of some photographs of each class, in any order. Raises DatasetError."""
    rng = np.random.default_rng(0)
    files = _list(folder)
    labels = np.array([label for _, label in files])
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == label))[:_SAMPLED_A_CLASS] for label in np.unique(labels)]
    )
    rows = rng.permutation(rows)
    paths = [files[row][0] for row in rows]
    pixels = image_reading.read_images(paths, lambda decoded: to_pixels(decoded.picture))
    return np.stack(pixels), labels[rows]


def enlarged(backbone: Backbone, thumbnails: Split) -> Examples:
    """Return some of the thumbnails, uint8 (N, H, W, 3), enlarged to the size of photographs."""
    return _examples(backbone, list(_enlarged(thumbnails)), backbone.to_pixels)


def joined(parts: Iterable[Examples]) -> Examples:
    return Examples(*(np.concatenate(values) for values in zip(*parts)))


def _list(folder: Path) -> list[tuple[Path, int]]:
    files = image_folder.list_images(folder, PHOTOGRAPH_CLASSES, fewest=1)
    if len({source_of(path) for path, _ in files}) < _FEWEST_SOURCES:
        raise DatasetError(
            f"The photographs in {folder} come from one source. Begin the name of every file with its source and `_`, "
            "such as phones_0012.jpg: the head is measured on sources that taught it nothing."
        )
    return files


def _examples(backbone: Backbone, labelled: list[Labelled], to_pixels: Callable[[Image.Image], np.ndarray]) -> Examples:
    features, log_sums = backbone.outputs([to_pixels(picture) for picture, _, _ in labelled])
    labels, sources = [label for _, label, _ in labelled], [source for _, _, source in labelled]
    return Examples(features, log_sums, np.array(labels), np.array(sources, str))


def _enlarged(thumbnails: Split) -> Iterator[Labelled]:
    """Some thumbnails of each class at random sizes and with random resampling, every second one through JPEG."""
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
