"""A loaded model on LiteRT: images in, calibrated probabilities out. No TensorFlow."""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ml.artifacts.card import CARD_FILE, ArtifactError, Card, load_card, wrong_entries
from ml.artifacts.folder import LITERT_FILE, STATISTICS_FILE, load_network_card, read_verified
from ml.artifacts.litert import Graph
from ml.classes import NONE_CLASS, without_none
from ml.confidence.abstention import FeatureStatistics
from ml.confidence.decision import DecisionRule, Outputs, Predictions
from ml.images import preprocessing
from ml.images.preprocessing import WHOLE, Framing
from ml.serving.routing import THUMBNAILS, kind_of

#: A batch of hundreds takes seconds; a call that waits longer for an interpreter fails.
_MOST_SECONDS = 60.0


class NoInterpreterFree(Exception):
    """All interpreters of a network have been in use for too long."""


class NetworkInput(NamedTuple):
    """The input of one network for an image.

    network: its name, "" in a model of one. pixels: uint8 (height, width, channels). whole: nothing was cropped.
    """

    network: str
    pixels: np.ndarray
    whole: bool = False


class Network:
    """One network of a model, safe to share between threads.

    It lends out interpreters that share the weights, one per processor by default; more would only wait for each other.
    Create it after a fork, never before: an interpreter's thread pool does not survive one.
    """

    def __init__(self, folder: Path, interpreters: int = 0, *, card: Card | None = None) -> None:
        """Read and verify the files that `card` describes: the folder's own card, unless another one is given.

        Raises ArtifactError, which names the file.
        """
        self.card = card = card or load_card(folder)
        statistics = _statistics(folder, card) if card.statistics else None
        try:
            self.framing = Framing(**card.framing)
            self.rule = DecisionRule.from_card(
                card.calibration, card.abstention, statistics=statistics, none_index=_none_index(card)
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise wrong_entries(folder / CARD_FILE, error) from error
        self._path = folder / LITERT_FILE
        self._content = read_verified(folder, card, LITERT_FILE)
        self._idle: list[Graph] = []
        self._slots = threading.BoundedSemaphore(interpreters or os.cpu_count() or 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.card.input_shape

    def prepare(self, picture: Image.Image, *, whole: bool = False) -> np.ndarray:
        """Return the network's input for a decoded picture, uint8 (height, width, channels), cropped as the framing
        says or whole.
        """
        height, width, _channels = self.input_shape
        return preprocessing.to_input(picture, height, width, WHOLE if whole else self.framing)

    def predict(self, images: np.ndarray) -> Predictions:
        """Return calibrated probabilities and abstentions for pixels 0-255 of shape (N, height, width, channels).

        Raises ValueError for another shape, ArtifactError when LiteRT cannot run the graph.
        """
        return self.decide(self.outputs(images))

    def decide(self, outputs: Outputs) -> Predictions:
        """Return calibrated probabilities and abstentions for what `outputs` returned."""
        return self.rule.predict(outputs)

    def outputs(self, images: np.ndarray) -> Outputs:
        """Return logits and features, before any decision; input and errors as `predict`."""
        if tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(f"images have the shape {images.shape}, not (N, {', '.join(map(str, self.input_shape))})")
        with self._graph() as graph:
            return Outputs.split(graph(images), len(self.class_names))

    @contextmanager
    def _graph(self) -> Iterator[Graph]:
        if not self._slots.acquire(timeout=_MOST_SECONDS):
            raise NoInterpreterFree(f"All interpreters were busy for {_MOST_SECONDS:.0f} seconds.")
        try:
            # Last in, first out: others are created only when requests are really concurrent.
            try:
                graph = self._idle.pop()
            except IndexError:
                graph = self._new_graph()
            yield graph
            self._idle.append(graph)
        finally:
            self._slots.release()

    def _new_graph(self) -> Graph:
        try:
            return Graph(self._content)
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(
                f"{self._path} is not a graph that LiteRT runs ({error}). Restore it or train the model again."
            ) from error


class LoadedModel:
    """A model folder ready to predict, safe to share between threads: one network or several.

    Create it after a fork, never before.
    """

    def __init__(self, folder: Path, interpreters: int = 0) -> None:
        """Read and verify every file that it needs. Raises ArtifactError, which names the file that has changed."""
        self.card: Card = load_card(folder)
        self.networks = {
            name: Network(folder / name, interpreters, card=load_network_card(folder, self.card, name))
            for name in self.card.network_folders
        }

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def none_index(self) -> int | None:
        """The index of the "none" class, if the model has one."""
        return _none_index(self.card)

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The classes without "none", which comes last."""
        return without_none(self.class_names)

    def prepare(self, picture: Image.Image, size: tuple[int, int] | None = None) -> NetworkInput:
        """Choose the network for a decoded picture, and return its input: a thumbnail is never cropped.

        size: width and height of the whole file; the picture may be a reduced copy of it.
        """
        kind = kind_of(*(size or picture.size))
        name = kind if len(self.networks) > 1 else ""
        network = self.networks[name]
        whole = kind == THUMBNAILS or network.framing == WHOLE
        return NetworkInput(name, network.prepare(picture, whole=whole), whole)

    def prepare_all(self, images: Iterable[np.ndarray]) -> list[NetworkInput]:
        """Prepare each image of a data set, uint8 (N, height, width, 3)."""
        return [self.prepare(Image.fromarray(image)) for image in images]

    def predict(self, inputs: Sequence[NetworkInput]) -> Predictions:
        """Return the predictions in the order of `inputs`, which come from `prepare`.

        Raises ArtifactError when LiteRT cannot run a network's graph.
        """
        if len(self.networks) == 1 and inputs:
            return self.networks[""].predict(np.stack([one.pixels for one in inputs]))
        predictions = _empty_predictions(len(inputs), len(self.class_names))
        for name, network in self.networks.items():
            rows = [row for row, one in enumerate(inputs) if one.network == name]
            if rows:
                found = network.predict(np.stack([inputs[row].pixels for row in rows]))
                self._enter(predictions, rows, found, network)
        return predictions

    def predict_one(self, network_input: NetworkInput) -> tuple[Predictions, np.ndarray]:
        """Return the prediction of one image, N = 1, with the features (F,) that its network computed on the way.

        Errors as `predict`.
        """
        network = self.networks[network_input.network]
        outputs = network.outputs(network_input.pixels[None])
        if len(self.networks) == 1:
            return network.decide(outputs), outputs.features[0]
        predictions = _empty_predictions(1, len(self.class_names))
        self._enter(predictions, [0], network.decide(outputs), network)
        return predictions, outputs.features[0]

    def _enter(self, predictions: Predictions, rows: list[int], found: Predictions, network: Network) -> None:
        """Enter what a network found into rows of all predictions."""
        # A network without the class "none" gives it no probability.
        columns = [self.class_names.index(of_network) for of_network in network.class_names]
        for values, of_network in zip(predictions, found):
            values[np.ix_(rows, columns) if values.ndim == 2 else rows] = of_network

    def warm_up(self) -> None:
        """Predict once with every network, so that the first request does not wait for it."""
        self.predict([NetworkInput(name, np.zeros(net.input_shape, np.uint8)) for name, net in self.networks.items()])


def _none_index(card: Card) -> int | None:
    return card.class_names.index(NONE_CLASS) if NONE_CLASS in card.class_names else None


def _empty_predictions(count: int, class_count: int) -> Predictions:
    return Predictions(
        np.zeros((count, class_count), np.float32),
        np.zeros((count, class_count), np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, bool),
    )


def _statistics(folder: Path, card: Card) -> FeatureStatistics:
    content = read_verified(folder, card, STATISTICS_FILE)
    try:
        return FeatureStatistics.load(content)
    except ValueError as error:
        raise ArtifactError(
            f"{folder / STATISTICS_FILE} cannot be read ({error}). Restore it or train the model again."
        ) from error
