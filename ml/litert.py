"""One exported graph on LiteRT: pixels in, the values of its output layer out. No TensorFlow."""

from pathlib import Path

import numpy as np


class Graph:
    """An interpreter with its own copy of the weights; not to be shared between threads."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raise ValueError or OSError when the file cannot be read."""
        # The import takes a third of a second: commands that never predict need not wait for it.
        from ai_edge_litert.interpreter import Interpreter

        # From memory: of a mapped file that is cut short while it is in use, reading ends the process (SIGBUS).
        self._content = path.read_bytes()
        self._interpreter = Interpreter(model_content=self._content, num_threads=threads)
        self._interpreter.allocate_tensors()
        # Asking for these takes as long as a tenth of a small network's answer.
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] = ()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the output, float32 (N, values), for pixels 0-255 of shape (N, height, width, channels)."""
        if images.shape != self._shape:
            # Until it has succeeded the interpreter is in no state to answer.
            self._shape = ()
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input, images.astype(np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)
