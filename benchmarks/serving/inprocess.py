"""The overhead of `ml.serving.inference` and `ml.images.preprocessing` over their libraries, in one process."""

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from ml.artifacts.folder import LITERT_FILE
from ml.images import preprocessing
from ml.serving.inference import LoadedModel

BATCHES = (1, 32, 256)
_BICUBIC = Image.Resampling.BICUBIC
_REPEATS_AT_LEAST = 5


@dataclass(frozen=True)
class Overhead:
    """Milliseconds of a call to this project and to the bare library, medians of alternating calls."""

    what: str
    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


def measure_overheads(model: Path, pictures: dict[str, Path], *, seconds: float) -> list[Overhead]:
    """Measure a model of one network at every batch size, and the processing of a file, each for `seconds`."""
    found = [_inference(model, batch, seconds) for batch in BATCHES]
    return found + [_preprocessing(name, path.read_bytes(), seconds) for name, path in pictures.items()]


def _inference(folder: Path, batch: int, seconds: float) -> Overhead:
    model = LoadedModel(folder, interpreters=1)
    height, width, channels = model.card.input_shape
    images = np.random.default_rng(0).integers(0, 256, (batch, height, width, channels), np.uint8)
    inputs = model.prepare_all(images)
    pixels = np.stack([one.pixels for one in inputs]).astype(np.float32)
    interpreter = Interpreter(model_path=str(folder / LITERT_FILE), num_threads=1)
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(source, pixels.shape)
    interpreter.allocate_tensors()

    def bare() -> np.ndarray:
        interpreter.set_tensor(source, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return _compare(f"`ml.serving.inference`, batch of {batch}", lambda: model.predict(inputs), bare, seconds)


def _preprocessing(name: str, content: bytes, seconds: float) -> Overhead:
    """The work of one upload: a decoded image, the network's input, and a thumbnail."""

    def ours() -> bytes:
        picture = preprocessing.decode(content).picture
        preprocessing.to_input(picture, 32, 32)
        return preprocessing.to_thumbnail(picture)

    def bare() -> bytes:
        picture = Image.open(io.BytesIO(content))
        picture.draft(None, (640, 640))
        picture.load()
        picture.thumbnail((640, 640), _BICUBIC, reducing_gap=3.0)
        np.asarray(picture.resize((32, 32), _BICUBIC, reducing_gap=3.0))
        buffer = io.BytesIO()
        picture.thumbnail((preprocessing.THUMBNAIL_SIDE,) * 2, _BICUBIC, reducing_gap=3.0)
        picture.save(buffer, "JPEG", quality=82)
        return buffer.getvalue()

    return _compare(f"`ml.images.preprocessing`, {name}", ours, bare, seconds)


def _compare(what: str, ours: Callable[[], object], bare: Callable[[], object], seconds: float) -> Overhead:
    ours(), bare()
    times: tuple[list[float], list[float]] = ([], [])
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[0]) < _REPEATS_AT_LEAST:
        for call, taken in zip((ours, bare), times):
            started = time.perf_counter()
            call()
            taken.append(1000 * (time.perf_counter() - started))
    return Overhead(what, *map(statistics.median, times))
