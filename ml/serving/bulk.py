"""Predict any number of images in constant memory, reading and predicting on all processors."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from ml.confidence.decision import Predictions
from ml.images.errors import ImageError
from ml.images.formats import is_image_file
from ml.images.preprocessing import DecodedImage
from ml.serving.inference import LoadedModel, NetworkInput

#: Larger batches are hardly faster on one thread, and a network for photographs needs 6 MB per image and thread.
BATCH_SIZE = 4
#: Batches per thread, in progress or waiting to be collected, so that threads have work while results are stored.
BATCHES_AHEAD = 2

Source = TypeVar("Source")
Kept = TypeVar("Kept")


class Predicted(NamedTuple, Generic[Source, Kept]):
    """The input and the prediction of one image.

    kept: what `read` returned beside the image. predictions: of this one image, N = 1.
    timings: milliseconds of "resize", and this image's share of the batch's "infer".
    """

    source: Source
    kept: Kept
    network_input: NetworkInput
    predictions: Predictions
    timings: dict[str, float]


class Failed(NamedTuple, Generic[Source]):
    """Why a source could not be read."""

    source: Source
    error: OSError | ImageError


class _Prepared(NamedTuple):
    source: Any
    kept: Any
    network_input: NetworkInput
    resize_milliseconds: float

    def predicted(self, predictions: Predictions, infer_milliseconds: float) -> Predicted:
        timings = {"resize": self.resize_milliseconds, "infer": infer_milliseconds}
        return Predicted(self.source, self.kept, self.network_input, predictions, timings)


def find_images(
    paths: Iterable[Path], *, recursive: bool = False, on_error: Callable[[OSError], None] = lambda error: None
) -> Iterator[Path]:
    """Yield files as they are given, and the images in folders by name; with `recursive`, those in subfolders too.

    A file in a folder is an image if it has an image's suffix, or no suffix and an image's first bytes. Hidden files
    and folders are skipped. Links to folders are not followed, because they may form a cycle. `on_error` is called
    for folders that cannot be read.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _images_below(path, recursive, on_error)
        else:
            yield path


def _images_below(folder: Path, recursive: bool, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    folders = [os.fspath(folder)]
    while folders:
        images, inner = [], []
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(entry.path)
                    elif _is_image(entry):
                        images.append(entry.path)
        except OSError as error:
            on_error(error)
        yield from map(Path, sorted(images))
        if recursive:
            folders += sorted(inner, reverse=True)


def _is_image(entry: os.DirEntry) -> bool:
    """Whether to read a folder's entry: yes for a broken link, to report it; no for a pipe, which would never end."""
    if not is_image_file(entry.path):
        return False
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))


def predict_stream(
    model: LoadedModel,
    sources: Iterable[Source],
    read: Callable[[Source], tuple[DecodedImage, Kept]],
    *,
    threads: int | None = None,
) -> Generator[list[Predicted[Source, Kept] | Failed[Source]]]:
    """Yield lists of the predictions for the images that `read` returns, in the order of the sources.

    `read` is called in the threads, one per processor by default. If it raises OSError or ImageError, only that source
    has failed. Sources are taken from the iterator when they are needed, and a picture is released after its
    prediction. Closing the iterator ends the threads.
    """
    threads = threads or os.cpu_count() or 1
    sources = iter(sources)
    pending: deque[Future] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="bulk")
    try:
        # One thread processes a whole batch, so that each interpreter's memory stays in its processor's cache.
        while batch := list(islice(sources, BATCH_SIZE)):
            pending.append(pool.submit(_predict_batch, model, batch, read))
            if len(pending) >= BATCHES_AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _predict_batch(
    model: LoadedModel, sources: list[Source], read: Callable[[Source], tuple[DecodedImage, Kept]]
) -> list[Predicted[Source, Kept] | Failed[Source]]:
    items = [_prepare(model, source, read) for source in sources]
    prepared = [item for item in items if isinstance(item, _Prepared)]
    started = time.perf_counter()
    predictions = model.predict([item.network_input for item in prepared])
    infer = 1000 * (time.perf_counter() - started) / max(len(prepared), 1)
    each = iter(Predictions(*(values[row : row + 1] for values in predictions)) for row in range(len(prepared)))
    return [item.predicted(next(each), infer) if isinstance(item, _Prepared) else item for item in items]


def _prepare(
    model: LoadedModel, source: Source, read: Callable[[Source], tuple[DecodedImage, Kept]]
) -> _Prepared | Failed[Source]:
    try:
        decoded, kept = read(source)
    except (OSError, ImageError) as error:
        return Failed(source, error)
    started = time.perf_counter()
    network_input = model.prepare(decoded.picture, decoded.size)
    return _Prepared(source, kept, network_input, 1000 * (time.perf_counter() - started))
