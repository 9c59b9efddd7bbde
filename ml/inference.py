"""A loaded model: a batch of images in, calibrated probabilities out, on LiteRT; no TensorFlow."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ml import preprocessing
from ml.abstention import FeatureStatistics
from ml.artifacts import LITERT_FILE, STATISTICS_FILE, ArtifactError, Card, load_card
from ml.decision import Answers, DecisionRule, Outputs
from ml.litert import Graph


class LoadedModel:
    """A model folder ready to answer, safe to share between threads.

    It keeps as many interpreters as there are processors and lends them out: one holds its own copy of the weights,
    and more of them would only wait for each other. Make it after a fork, never before: an interpreter's thread pool
    does not survive one.
    """

    def __init__(self, folder: Path, interpreters: int | None = None) -> None:
        """Raise ArtifactError when the card or the statistics cannot be read; the graph is read by the first answer."""
        self.card: Card = load_card(folder)
        try:
            statistics = FeatureStatistics.load(folder / STATISTICS_FILE)
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"{folder / STATISTICS_FILE} cannot be read ({error}). Restore it or train the model again."
            ) from error
        self.rule = DecisionRule.from_card(self.card.calibration, self.card.abstention, statistics)
        self._path = folder / LITERT_FILE
        self._idle: list[Graph] = []
        self._slots = threading.BoundedSemaphore(interpreters or os.cpu_count() or 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.card.input_shape

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Return what the network sees of a decoded picture: uint8 (height, width, channels)."""
        height, width, _channels = self.input_shape
        return preprocessing.to_input(picture, height, width)

    def answer(self, images: np.ndarray) -> Answers:
        """Return probabilities and abstentions for pixels 0-255 of shape (N, height, width, channels).

        Raises ValueError for another shape, ValueError or OSError when the model's graph cannot be read.
        """
        return self.rule.answer(self.outputs(images))

    def outputs(self, images: np.ndarray) -> Outputs:
        """Return logits and features, before any decision; input and errors as `answer`."""
        if tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(f"images have the shape {images.shape}, not (N, {', '.join(map(str, self.input_shape))})")
        class_count = len(self.class_names)
        if not len(images):
            return Outputs.split(np.empty((0, class_count + self.rule.statistics.centre.size), np.float32), class_count)
        with self._graph() as graph:
            return Outputs.split(graph(images), class_count)

    def warm_up(self) -> None:
        """Answer once, so that the first person does not wait for it."""
        self.answer(np.zeros((1, *self.input_shape), np.float32))

    @contextmanager
    def _graph(self) -> Iterator[Graph]:
        with self._slots:
            # The one used last comes first: the others are made only when requests really meet.
            try:
                graph = self._idle.pop()
            except IndexError:
                graph = Graph(self._path)
            yield graph
            self._idle.append(graph)
