"""Nearest training images: an index in the model's folder, and the search in it.

The similarity of two images is the cosine of the angle between their features, the outputs of the second to last layer.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.folder import LITERT_FILE, NEIGHBOURS_FOLDER, ArtifactError, Card
from ml.data.dataset import Dataset, DatasetError
from ml.data.pixel_file import PixelFile
from ml.serving.inference import LoadedModel, Network
from ml.serving.routing import THUMBNAILS

#: The levels of similarity, highest first: practically the same image; then as similar as the nearest training image
#: is for half, nine in ten, or 99 in a hundred of the pictures that the network was not trained on.
CLOSENESS = ("same", "very_similar", "similar", "a_little", "hardly")
_QUANTILES = (0.5, 0.1, 0.01)
#: Rounding changes the features of an image by less than this.
_SAME = 1e-4
_FORMAT = 2
_INDEX_FILE, _FEATURES_FILE, _LABELS_FILE = "index.json", "features.npy", "labels.npy"
_THUMBNAILS_FILE, _ENDS_FILE = "thumbnails.bin", "ends.npy"
_FILES = (_FEATURES_FILE, _LABELS_FILE, _THUMBNAILS_FILE, _ENDS_FILE)
#: The number of feature rows that are read at a time: half a megabyte for a typical network.
_ROWS = 256
_LARGEST_SIDE = 64
_BATCH = 64
_BATCHES_AT_ONCE = 16
_REMEDY = "Make it anew: manage.py build_neighbours"
_IMAGES_COMPARED = 1000


class Neighbour(NamedTuple):
    """A training image. similarity: from -1 to 1. closeness: one of CLOSENESS. picture: lossless WebP."""

    label: int
    similarity: float
    closeness: str
    picture: bytes


@dataclass(frozen=True)
class Index:
    """The training images of one network, on disk. usual: the lowest similarity of each closeness."""

    folder: Path
    count: int
    usual: tuple[float, ...]

    def nearest(self, features: np.ndarray, count: int = 5) -> list[Neighbour]:
        """Return the images nearest to features (F,), the most similar first. Raises ArtifactError."""
        try:
            similarities = self._similarities(normalised(features[None])[0])
            rows = _largest(similarities, count)
            labels = np.load(self.folder / _LABELS_FILE)
            return [
                Neighbour(int(labels[row]), float(value), self._closeness(value), picture)
                for row, value, picture in zip(rows, similarities[rows], self._pictures(rows))
            ]
        except (OSError, ValueError, IndexError) as error:
            raise _damaged(self.folder, error) from error

    def _similarities(self, query: np.ndarray) -> np.ndarray:
        # Read, not mapped: truncating a mapped file that is in use kills the process (SIGBUS). In blocks, so
        # that the hundred megabytes of a search do not stay in memory. As float16 the file would be half as large and
        # the search take nine times as long, nearly all of it to turn the numbers into float32.
        with (self.folder / _FEATURES_FILE).open("rb") as file:
            np.lib.format.read_magic(file)
            (count, width), _fortran, dtype = np.lib.format.read_array_header_1_0(file)
            similarities, block = np.empty(count, dtype), np.empty((_ROWS, width), dtype)
            for start in range(0, count, _ROWS):
                rows = block[: count - start]
                if file.readinto(rows.data) != rows.nbytes:
                    raise ValueError(f"{_FEATURES_FILE} was cut short")
                np.matmul(rows, query, out=similarities[start : start + _ROWS])
        return similarities.clip(-1, 1)

    def _closeness(self, similarity: float) -> str:
        limits = (1 - _SAME, *self.usual)
        return next((name for name, limit in zip(CLOSENESS, limits) if similarity >= limit), CLOSENESS[-1])

    def _pictures(self, rows: np.ndarray) -> list[bytes]:
        ends = np.load(self.folder / _ENDS_FILE)
        pictures = []
        with (self.folder / _THUMBNAILS_FILE).open("rb") as file:
            for row in rows:
                start, end = int(ends[row - 1]) if row else 0, int(ends[row])
                file.seek(start)
                pictures.append(file.read(end - start))
                if file.tell() != end:
                    raise ValueError(f"{_THUMBNAILS_FILE} was cut short")
        return pictures


def network_with_neighbours(card: Card) -> str:
    """The network with an index: the only one, "", or the one for thumbnails."""
    return THUMBNAILS if card.networks else ""


def build(folder: Path, dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Index:
    """Write an index of the training images into a model's folder atomically, replacing an earlier one.

    dataset: the one that the model was trained on. `progress` gets the numbers of images done and in total. Raises
    DatasetError for another data set, ArtifactError when the folder cannot be written to or the graph cannot be read.
    """
    model = LoadedModel(folder)
    name = network_with_neighbours(model.card)
    network = model.networks[name]
    dataset = _learnt_from(network.card, dataset)
    images, labels = dataset.train
    compared = np.concatenate([*_features(network, dataset.validation.images[:_IMAGES_COMPARED])])
    nearest = np.full(len(compared), -1, np.float32)
    ends: list[int] = []
    with artifacts.replacing(folder / name / NEIGHBOURS_FOLDER) as new:
        with (new / _FEATURES_FILE).open("wb") as features, (new / _THUMBNAILS_FILE).open("wb") as thumbnails:
            for block in _features(network, images, progress):
                if not ends:
                    _write_header(features, (len(labels), block.shape[1]))
                features.write(block.tobytes())
                nearest = np.maximum(nearest, (compared @ block.T).max(axis=1))
                for pixels in images[len(ends) : len(ends) + len(block)]:
                    thumbnails.write(_encoded(pixels))
                    ends.append(thumbnails.tell())
        np.save(new / _LABELS_FILE, labels.astype(np.uint16))
        np.save(new / _ENDS_FILE, np.array(ends, np.int64))
        usual = np.quantile(nearest, _QUANTILES)
        description = {"graph": network.card.files[LITERT_FILE], "count": len(labels), "usual": usual.tolist()}
        description["files"] = {file: artifacts.sha256(new / file) for file in _FILES}
        artifacts.write_json(new / _INDEX_FILE, {"format": _FORMAT, "dataset": dataset.fingerprint, **description})
    return cast(Index, load(folder / name, network.card))


def load(folder: Path, card: Card) -> Index | None:
    """Return the index in a network's folder, or None.

    card: the network's card. Raises ArtifactError for an index of another graph, or a damaged one.
    """
    place = folder / NEIGHBOURS_FOLDER
    try:
        values = json.loads((place / _INDEX_FILE).read_text(encoding="utf-8"))
        if values["format"] != _FORMAT or values["graph"] != card.files[LITERT_FILE]:
            raise ArtifactError(f"{place} was built for a different network than {card.name}. {_REMEDY}")
        _verify(place, values["files"])
        return Index(place, values["count"], tuple(values["usual"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(place, error) from error


#: The verified files by path, with the stat values that change when a file is written: hashing takes a second.
_verified: dict[Path, tuple[str, int, int, int]] = {}


def _verify(place: Path, checksums: dict[str, str]) -> None:
    for name in _FILES:
        path, status = place / name, (place / name).stat()
        state = (checksums[name], status.st_ino, status.st_size, status.st_mtime_ns)
        if _verified.get(path) != state:
            if artifacts.sha256(path) != checksums[name]:
                raise ValueError(f"{name} is not the file that was written")
            _verified[path] = state


def _damaged(place: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{place} cannot be read ({error}). {_REMEDY}")


def normalised(features: np.ndarray) -> np.ndarray:
    """Bring features (N, F) to length 1, float32; those of length 0 stay so."""
    features = features.astype(np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _learnt_from(card: Card, dataset: Dataset) -> Dataset:
    """Return the part of the data set that the network was trained on. Raises DatasetError for another data set."""
    part = readers.learnt_from(card, dataset)
    if part is None:
        raise DatasetError(
            f"{card.name} was trained on {card.dataset.get('name', 'another data set')}, and this is not it, byte for "
            f"byte: {dataset.name}, {dataset.fingerprint}. Give the data set it was trained on as --data-dir."
        )
    return part


def _features(
    network: Network, images: np.ndarray | PixelFile, progress: Callable[[int, int], None] | None = None
) -> Iterator[np.ndarray]:
    """Yield normalised features, float32 (n, F), of images of the network's input size, on all processors.

    Only a few batches of the images are in memory at a time.
    """
    pool, done = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="neighbours"), 0
    try:
        for first in range(0, len(images), _BATCHES_AT_ONCE * _BATCH):
            starts = range(first, min(first + _BATCHES_AT_ONCE * _BATCH, len(images)), _BATCH)
            for outputs in pool.map(lambda start: network.outputs(images[start : start + _BATCH]), starts):
                done += len(outputs.features)
                yield normalised(outputs.features)
                if progress:
                    progress(done, len(images))
    finally:
        pool.shutdown(cancel_futures=True)


def _write_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    """Write the header of a NumPy file of float32 with this shape; its rows follow."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the largest values, largest first, without sorting the rest."""
    rows = np.argpartition(-values, min(count, len(values)) - 1)[:count]
    return rows[np.lexsort((rows, -values[rows]))]


def _encoded(pixels: np.ndarray) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    # Half the size of the pixels, two thirds of a PNG; more effort takes ten times as long and saves nothing.
    image.save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()
