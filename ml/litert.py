"""One exported graph on LiteRT: pixels in, the values of its output layer out. No TensorFlow."""

from pathlib import Path

import numpy as np


class Graph:
    """An interpreter with its own copy of the weights; not to be shared between threads."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raise ValueError or OSError when the file cannot be read."""
        # The import takes a third of a second: commands that never predict need not wait for it.
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the output, float32 (N, values), for pixels 0-255 of shape (N, height, width, channels)."""
        inputs = self._interpreter.get_input_details()[0]
        if inputs["shape"][0] != len(images):
            self._interpreter.resize_tensor_input(inputs["index"], images.shape)
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(inputs["index"], images.astype(np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])
