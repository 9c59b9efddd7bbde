"""A loaded model: a batch of images in, calibrated probabilities out, on LiteRT; no TensorFlow."""

import threading
from pathlib import Path

import numpy as np

from ml.artifacts import LITERT_FILE, Card, load_card


class LoadedModel:
    """A model folder ready to answer; safe to share between threads, each of which gets its own interpreter.

    Make it after a fork, never before: the interpreters' thread pools do not survive one.
    """

    def __init__(self, folder: Path) -> None:
        self.card: Card = load_card(folder)
        self._content = (folder / LITERT_FILE).read_bytes()
        self._local = threading.local()

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.card.input_shape

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return probabilities, float32 (N, classes), for pixels 0-255 of shape (N, height, width, channels)."""
        if images.ndim != 4 or tuple(images.shape[1:]) != self.input_shape:
            raise ValueError(f"images have the shape {images.shape}, not (N, {', '.join(map(str, self.input_shape))})")
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        interpreter = self._interpreter()
        input_index = interpreter.get_input_details()[0]["index"]
        if interpreter.get_input_details()[0]["shape"][0] != len(images):
            interpreter.resize_tensor_input(input_index, images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(input_index, images.astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    def warm_up(self) -> None:
        """Answer once, so that the first person does not wait for it."""
        self.predict(np.zeros((1, *self.input_shape), np.float32))

    def _interpreter(self):
        if not hasattr(self._local, "interpreter"):
            # The import takes a third of a second: commands that never predict need not wait for it.
            from ai_edge_litert.interpreter import Interpreter

            self._local.interpreter = Interpreter(model_content=self._content, num_threads=1)
            self._local.interpreter.allocate_tensors()
        return self._local.interpreter
