"""A loaded model: a batch of images in, calibrated probabilities out, on LiteRT; no TensorFlow."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.artifacts import LITERT_FILE, Card, load_card

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


class LoadedModel:
    """A model folder ready to answer, safe to share between threads.

    It keeps as many interpreters as there are processors and lends them out: one holds its own copy of the weights,
    and more of them would only wait for each other. Make it after a fork, never before: an interpreter's thread pool
    does not survive one.
    """

    def __init__(self, folder: Path, interpreters: int | None = None) -> None:
        self.card: Card = load_card(folder)
        self._path = folder / LITERT_FILE
        self._idle: list[Interpreter] = []
        self._slots = threading.BoundedSemaphore(interpreters or os.cpu_count() or 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.card.input_shape

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return probabilities, float32 (N, classes), for pixels 0-255 of shape (N, height, width, channels).

        Raises ValueError for another shape, ValueError or OSError when the model's graph cannot be read.
        """
        if tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(f"images have the shape {images.shape}, not (N, {', '.join(map(str, self.input_shape))})")
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        with self._interpreter() as interpreter:
            inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
            if inputs["shape"][0] != len(images):
                interpreter.resize_tensor_input(inputs["index"], images.shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(inputs["index"], images.astype(np.float32))
            interpreter.invoke()
            return interpreter.get_tensor(outputs["index"])

    def warm_up(self) -> None:
        """Answer once, so that the first person does not wait for it."""
        self.predict(np.zeros((1, *self.input_shape), np.float32))

    @contextmanager
    def _interpreter(self) -> Iterator["Interpreter"]:
        with self._slots:
            # The one used last comes first: the others are made only when requests really meet.
            try:
                interpreter = self._idle.pop()
            except IndexError:
                interpreter = self._make_interpreter()
            yield interpreter
            self._idle.append(interpreter)

    def _make_interpreter(self) -> "Interpreter":
        # The import takes a third of a second: commands that never predict need not wait for it.
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(self._path), num_threads=1)
        interpreter.allocate_tensors()
        return interpreter
