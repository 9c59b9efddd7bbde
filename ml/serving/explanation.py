"""Explain a prediction on the serving engine: an occlusion map, and the stability under small changes."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ml.confidence.decision import Predictions
from ml.serving.inference import LoadedModel, NetworkInput

#: Cells per side of the map; a window of two by two cells is covered at a time.
GRID = 7
_WINDOW = 2
#: Probabilities are clipped to this distance from 0 and 1.
_CLIP = 1e-6
#: The shift of the image as a share of its side.
_SHIFT = 1 / 16
#: A larger batch would not be faster, and needs more memory.
_BATCH = 4


def occlusion_map(model: LoadedModel, network_input: NetworkInput, class_index: int) -> np.ndarray:
    """Return the evidence of each part of the input for a class, float32 (GRID, GRID) (Zeiler and Fergus 2014).

    A part's value, in nats, is the drop of the class's log-odds when the part is covered with the picture's mean
    colour, averaged over the windows that cover it: positive for evidence for the class, negative for evidence against.
    """
    windows = [(row, column) for row in range(GRID - _WINDOW + 1) for column in range(GRID - _WINDOW + 1)]
    covered = [network_input.pixels, *_covered(network_input.pixels, windows)]
    log_odds = _log_odds(_probabilities(model, network_input, covered)[:, class_index])
    total, times = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    for (row, column), value in zip(windows, log_odds[1:]):
        part = np.s_[row : row + _WINDOW, column : column + _WINDOW]
        total[part] += log_odds[0] - value
        times[part] += 1
    return (total / times).astype(np.float32)


def agreement(model: LoadedModel, network_input: NetworkInput) -> tuple[int, int]:
    """Return how many of the slightly changed pictures keep their most probable class, and how many there are.

    The changes: mirroring, and shifts by a sixteenth of the side in each direction, mirrored or not.
    """
    height, width = network_input.pixels.shape[:2]
    down, right = max(round(height * _SHIFT), 1), max(round(width * _SHIFT), 1)
    moved = [_shifted(network_input.pixels, y, x) for y, x in ((down, 0), (-down, 0), (0, right), (0, -right))]
    changed = [*moved, *(picture[:, ::-1] for picture in [network_input.pixels, *moved])]
    first, *others = _probabilities(model, network_input, [network_input.pixels, *changed]).argmax(axis=1)
    return sum(int(other == first) for other in others), len(others)


def _covered(pixels: np.ndarray, windows: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    height, width = pixels.shape[:2]
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    rows = np.linspace(0, height, GRID + 1).round().astype(int)
    columns = np.linspace(0, width, GRID + 1).round().astype(int)
    for row, column in windows:
        picture = pixels.copy()
        picture[rows[row] : rows[row + _WINDOW], columns[column] : columns[column + _WINDOW]] = mean
        yield picture


def _shifted(pixels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Shift the picture, repeating its edge."""
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height) - down, np.arange(width) - right
    return pixels[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]


def _probabilities(model: LoadedModel, network_input: NetworkInput, pictures: list[np.ndarray]) -> np.ndarray:
    """Probabilities (N, classes) of inputs of one network, computed on all processors."""

    def predict(start: int) -> Predictions:
        return model.predict([network_input._replace(pixels=pixels) for pixels in pictures[start : start + _BATCH]])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(
            [predictions.probabilities for predictions in pool.map(predict, range(0, len(pictures), _BATCH))]
        )


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    likely = probabilities.astype(np.float64).clip(_CLIP, 1 - _CLIP)
    return np.log(likely) - np.log1p(-likely)
