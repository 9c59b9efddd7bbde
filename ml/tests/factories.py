"""What the tests are made of: a learnable data set, files of every kind, small models and a web server."""

import gzip
import io
import struct
import tarfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.artifacts.folder import MODEL_FILES, Card
from ml.classes import CLASS_NAMES, IMAGE_SHAPE
from ml.data.augmentation import CROP_FLIP_CUTOUT
from ml.data.cifar10 import FOLDER_NAME, IMAGES_PER_FILE, TEST_FILE, TRAIN_FILES
from ml.data.dataset import Dataset, Split
from ml.networks.compact_resnet import FEATURE_SCALE, whiten, whitening_convolution
from ml.networks.registry import ARCHITECTURES, Architecture
from ml.training.loop import EpochRecord, TrainingResult
from ml.training.recipes import Recipe
from ml.training.run_settings import RunSettings

if TYPE_CHECKING:
    import keras

RED, GREEN, BLUE, YELLOW, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255)

#: The names of networks that are trained in tests about what is around them.
TINY, TINY_RESNET = "tiny_cnn", "tiny_resnet"


def write_cifar10(folder: Path, seed: int = 0) -> Path:
    """Write the six official files into `folder`/cifar-10-batches-bin: a colour for each class, under noise."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(40, 216, (len(CLASS_NAMES), 3, 1), dtype=np.int16)
    target = folder / FOLDER_NAME
    target.mkdir(parents=True)
    for name in (*TRAIN_FILES, TEST_FILE):
        labels = rng.permutation(IMAGES_PER_FILE) % len(CLASS_NAMES)
        planes = colours[labels] + rng.integers(-40, 40, (IMAGES_PER_FILE, 3, 1024), dtype=np.int16)
        np.column_stack([labels, planes.reshape(IMAGES_PER_FILE, -1)]).astype(np.uint8).tofile(target / name)
    return target


def linked_copy(source: Path, target: Path, **replaced: bytes | None) -> Path:
    """Link the files of `source` into `target`; `test_batch=b"..."` puts another in its place, None leaves it out."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.stem not in replaced:
            (target / path.name).symlink_to(path)
        elif replaced[path.stem] is not None:
            (target / path.name).write_bytes(replaced[path.stem])
    return target


def tar_gz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


@contextmanager
def web_server(answer: bytes) -> Iterator[tuple[str, list[str]]]:
    """Serve the raw HTTP `answer` on every path; yield the address and the list of paths that were asked for."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requested
        finally:
            server.shutdown()


def http_answer(body: bytes, *, length: int | None = None) -> bytes:
    """A 200 answer that announces `length` bytes, those of `body` when it is not given."""
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Red and green above, blue and yellow below: whichever way it is turned, one can tell."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(picture)


def photograph(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """Something like a photograph: smooth random patches, and noise that does not compress away."""
    rng = np.random.default_rng(seed)
    patches = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height))
    return Image.fromarray((np.asarray(patches) * 0.8 + rng.integers(0, 50, (height, width, 3))).astype(np.uint8))


def scene(side: int, seed: int = 0) -> Image.Image:
    """Edges and texture at every scale, as photographs have: of half the contrast at half the size."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side))
    for octave in range(2, int(np.log2(side)) + 1):
        noise = Image.fromarray(rng.normal(size=(2**octave, 2**octave)).astype(np.float32))
        total += np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC)) * 0.75**octave
    grey = np.clip(128 + 60 * total / total.std(), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def raw_png(width: int, height: int, bit_depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG of what Pillow does not write: `rows` hold a filter byte and the samples of each line."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def swapped_profile() -> bytes:
    """An RGB colour profile in which red means sRGB's blue, and blue its red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = profile[128:]
    return profile[:128] + tags.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def small_model(bias: float = 0.0) -> "keras.Model":
    """A network with the student's kinds of layers, in a thousandth of its size; random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    inputs = keras.Input(IMAGE_SHAPE)
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(4)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(1100, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(len(CLASS_NAMES), activation="softmax", bias_initializer=keras.initializers.Constant(bias))(
        x
    )
    return keras.Model(inputs, outputs, name="small")


def tiny_cnn(input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
    """The student network's kinds of layers, with a fortieth of its weights."""
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(class_count, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=TINY)


def tiny_resnet(input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
    """The compact residual network with one narrow block of its three; like it, it begins with frozen weights."""
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(whitening_convolution(x)))
    x = layers.MaxPooling2D(4)(layers.Conv2D(32, 3, padding="same", use_bias=False)(x))
    shortcut = x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.Add()([layers.BatchNormalization()(x), shortcut]))
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Rescaling(FEATURE_SCALE, name="features")(x)
    outputs = layers.Dense(class_count, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=TINY_RESNET)


def register_tiny() -> None:
    """Let the tiny networks be trained by their names in this process."""
    ARCHITECTURES[TINY] = Architecture(tiny_cnn, recipe="adam_cosine")
    ARCHITECTURES[TINY_RESNET] = Architecture(tiny_resnet, recipe="sgd_varied", initialise=whiten)


def some_images(count: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *IMAGE_SHAPE), dtype=np.uint8)


def card(**changes: Any) -> Card:
    values: dict[str, Any] = {
        "name": "small",
        "architecture": "student_cnn",
        "class_names": CLASS_NAMES,
        "input_shape": IMAGE_SHAPE,
        "parameter_count": 1,
        "recipe": {},
        "seed": 1,
        "dataset": {},
        "training": {},
        "export": {},
        "libraries": {},
        "metrics": {},
        "calibration": {"temperature": 1.0},
        "abstention": {"score": None, "coverage": 0.95, "thresholds": {}},
        "created_at": "2024-01-01T00:00:00+00:00",
    }
    return Card(**{**values, **changes})


def write_model_files(folder: Path, **contents: bytes) -> Path:
    """Write stand-ins for the model files: their bytes are all that `ml.artifacts.folder` looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        (folder / name).write_bytes(contents.get(Path(name).suffix[1:], name.encode()))
    return folder


def tiny_recipe(**changes: Any) -> Recipe:
    recipe = Recipe("tiny", 3, 64, warmup_epochs=0.5, weight_decay=0.01, augmentation=CROP_FLIP_CUTOUT)
    return recipe.changed(**changes)


def tiny_settings(dataset: Dataset, **recipe_changes: Any) -> RunSettings:
    """Those of a run that is over in no time."""
    return replace(run_settings(dataset, **recipe_changes), architecture=TINY)


def run_settings(dataset: Dataset, **recipe_changes: Any) -> RunSettings:
    return RunSettings.for_dataset(
        dataset,
        name="tiny",
        architecture="student_cnn",
        recipe=tiny_recipe(**recipe_changes),
        seed=3,
        limit=300,
    )


class Listener:
    """Writes down what a run tells it, and stops it after the epoch `stop_after`."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.batches: list[tuple[int, int, int]] = []
        self.epochs: list[EpochRecord] = []

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None:
        self.batches.append((epoch, batch, batches))

    def epoch_ended(self, record: EpochRecord) -> None:
        self.epochs.append(record)

    def should_stop(self) -> bool:
        return len(self.epochs) == self.stop_after


class UndisturbedRun(NamedTuple):
    settings: RunSettings
    result: TrainingResult
    listener: Listener
    folder: Path


def assert_same_history(history: list[EpochRecord], expected: list[EpochRecord]) -> None:
    """All but the time that the epochs took."""
    assert len(history) == len(expected)
    for record, other in zip(history, expected):
        assert asdict(record) | {"seconds": 0} == pytest.approx(asdict(other) | {"seconds": 0}, abs=1e-6, rel=0)


def small_dataset(seed: int = 0, validation_count: int = 12) -> Dataset:
    """Three classes, 16 x 16 pixels: a colour for each under noise; 90, 12 and 18 images."""
    rng = np.random.default_rng(seed)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])

    def split(count: int) -> Split:
        labels = rng.permutation(count) % len(colours)
        noise = rng.integers(-50, 50, (count, 16, 16, 3))
        return Split((colours[labels, None, None] + noise).astype(np.uint8), labels)

    return Dataset("Colours", ("red", "green", "blue"), split(90), split(validation_count), split(18), "sha256:colours")


def divided_dataset() -> Dataset:
    """The small data set with 600 validation images; the half that reports is black."""
    dataset = small_dataset(validation_count=600)
    reporting = {image.tobytes() for image in dataset.reporting.images}
    images, labels = dataset.validation
    black = np.array([image.tobytes() in reporting for image in images])
    return replace(dataset, validation=Split(np.where(black[:, None, None, None], np.uint8(0), images), labels))


def linear_grey_profile() -> bytes:
    """A grey colour profile in linear light (gamma 1.0)."""
    white = struct.pack(">3i", 63190, 65536, 54061)
    tags = (
        (b"desc", b"desc\0\0\0\0\0\0\0\2g\0" + bytes(80)),
        (b"wtpt", b"XYZ \0\0\0\0" + white),
        (b"kTRC", b"curv\0\0\0\0\0\0\0\1\1\0\0\0"),
        (b"cprt", b"text\0\0\0\0n\0\0\0"),
    )
    start = 132 + 12 * len(tags)
    table = body = b""
    for name, data in tags:
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    kind = (b"none", 0x02400000, b"mntr", b"GRAY", b"XYZ ", bytes(12), b"acsp", b"APPL")
    head = struct.pack(">I4sI4s4s4s12s4s4s", start + len(body), *kind) + bytes(24) + white
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
