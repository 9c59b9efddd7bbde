"""An exported graph on LiteRT: pixels in, outputs out. No TensorFlow."""

import numpy as np


class Graph:
    """An interpreter of a model.tflite; not to be shared between threads. Several can share one `content`."""

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        """Raise ValueError or RuntimeError when `content` is not a graph that LiteRT runs."""
        # The import takes a third of a second; commands that never predict skip it.
        from ai_edge_litert.interpreter import Interpreter

        # From memory: truncating a mapped file that is in use kills the process (SIGBUS). LiteRT reads the weights in
        # place, so `content` must live as long as the interpreter.
        self._content = content
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        # Reading these takes a tenth as long as a small network's inference.
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] = ()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the output, float32 (N, values), for pixels 0-255 of shape (N, height, width, channels)."""
        if images.shape != self._shape:
            # After a failure the interpreter is unusable until this succeeds.
            self._shape = ()
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input, images.astype(np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)
