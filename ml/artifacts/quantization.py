"""Exported graphs in int8: several times faster on a processor, and a quarter of the size.

Ordinary convolutions quantise their activations by the range of each image at run time (dynamic): as fast as fixed
ranges, and closer to float32. Depthwise convolutions gain nothing from this. A network that has them computes on
integers from its first convolution to its last, with ranges measured on sample images (static).
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.data.pixel_file import PixelFile

if TYPE_CHECKING:
    import keras

#: The number of images for measuring the ranges of a static graph.
IMAGES_MEASURED = 200
#: All layers of a network but the one that `ml.artifacts.export` calls "logits", which decides between classes.
_BEFORE_LOGITS = r"^(?!.*logits)"


def gains_by_int8(network: "keras.Model") -> bool:
    """Whether int8 is known to be faster: not with squeeze-and-excitation blocks on depthwise filters."""
    import keras

    return not (_has(network, keras.layers.DepthwiseConv2D) and _has(network, keras.layers.Multiply))


def write_int8(network: "keras.Model", float_graph: Path, destination: Path, images: np.ndarray | PixelFile) -> None:
    """Write the graph of `network` in int8.

    float_graph: its graph in float32. images: pixels 0-255 (N, H, W, C), like those that it will predict.
    """
    import keras

    if _has(network, keras.layers.DepthwiseConv2D):
        _write_static(float_graph, destination, images[:IMAGES_MEASURED])
    else:
        _write_dynamic(network, destination)


def _has(network: "keras.Model", kind: type) -> bool:
    return any(isinstance(layer, kind) for layer in network.layers)


def _write_dynamic(network: "keras.Model", destination: Path) -> None:
    import tensorflow as tf

    network.export(destination, format="litert", verbose=False, optimizations=[tf.lite.Optimize.DEFAULT])


def _write_static(float_graph: Path, destination: Path, images: np.ndarray) -> None:
    """Quantise weights by output channel and activations by tensor (Jacob et al. 2018, "Quantization and Training of
    Neural Networks for Efficient Integer-Arithmetic-Only Inference"); input, softmax and logits stay in float32.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.qtyping import TFLOperationName

    graph = quantizer.Quantizer(float_graph)
    for operation in (TFLOperationName.CONV_2D, TFLOperationName.DEPTHWISE_CONV_2D, TFLOperationName.ADD):
        graph.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
    graph.add_weight_only_config(_BEFORE_LOGITS, TFLOperationName.FULLY_CONNECTED, num_bits=8)
    ((signature, names),) = Interpreter(str(float_graph)).get_signature_list().items()
    (pixels,) = names["inputs"]
    shown = [{pixels: image[None].astype(np.float32)} for image in images]
    with _quiet():
        graph.quantize(graph.calibrate({signature: shown})).export_model(destination, overwrite=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's progress bars, reports and warnings out of a command's output."""
    logging.disable(logging.WARNING)
    try:
        with (
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
