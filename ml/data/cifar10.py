"""CIFAR-10 in its official binary layout: found, or downloaded and verified, and read into NumPy arrays.

Source: https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky 2009). No pickle is read.
"""

import hashlib
import http.client
import os
import tarfile
import urllib.request
from pathlib import Path

import numpy as np

from ml.classes import CLASS_NAMES, IMAGE_SHAPE
from ml.data.dataset import Dataset, DatasetError, Progress, Split, stratified_split
from ml.filesystem import unfinished
from ml.images.preprocessing import Framing

ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER_NAME = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
IMAGES_PER_FILE = 10_000
VALIDATION_COUNT = 5_000
#: The fingerprint of the copy that `student_cnn` was trained and tested on: each image went through JPEG once.
JPEG_COPY = "sha256:08fb299e0e5391067909a4538e22e78002acad367066e87e777127d4237d9d00"
#: Objects fill these images, unlike most photos; cropping photos by this share makes them more alike.
FRAMING = Framing(margin=0.3)

_HEIGHT, _WIDTH, _CHANNELS = IMAGE_SHAPE
_RECORD_BYTES = 1 + _HEIGHT * _WIDTH * _CHANNELS


def load(
    data_dir: str | os.PathLike | None = None,
    *,
    split_seed: int = 0,
    validation_count: int = VALIDATION_COUNT,
    progress: Progress | None = None,
) -> Dataset:
    """Read the data set and hold out `validation_count` training images, the same number of every class.

    `data_dir` is the folder with the six `.bin` files or the one above it; without it the environment's CIFAR10_DIR
    counts, and without that the official archive is downloaded into the cache folder.
    The split depends on `split_seed` alone, so that every run keeps the same images out of training.
    Raises DatasetError.
    """
    folder = find(data_dir) if (data_dir or os.environ.get("CIFAR10_DIR")) else download(progress=progress)
    digest = hashlib.sha256()
    everything = _concatenate([_read(folder / name, digest) for name in TRAIN_FILES])
    test = _read(folder / TEST_FILE, digest)
    train, validation = stratified_split(everything.labels, validation_count, split_seed)
    return Dataset(
        name="CIFAR-10",
        class_names=CLASS_NAMES,
        train=everything.take(train),
        validation=everything.take(validation),
        test=test,
        fingerprint=f"sha256:{digest.hexdigest()}",
        framing=FRAMING,
    )


def find(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the folder with the six `.bin` files; raise DatasetError if it is missing or incomplete."""
    given = Path(data_dir or os.environ.get("CIFAR10_DIR", "")).expanduser()
    if folder := locate(given):
        return folder
    raise DatasetError(
        f"No CIFAR-10 in {given}: neither it nor {given / FOLDER_NAME} holds {TRAIN_FILES[0]}. "
        f"Give the folder with the unpacked binary version ({ARCHIVE_URL}) as --data-dir or in CIFAR10_DIR, "
        "or give neither and it is downloaded."
    )


def locate(given: Path) -> Path | None:
    """Return the folder for the six files, `given` or its subfolder; files may be missing."""
    for folder in (given, given / FOLDER_NAME):
        if (folder / TEST_FILE).exists() or (folder / TRAIN_FILES[0]).exists():
            return folder
    return None


def cache_folder() -> Path:
    """The cache folder for downloads: `$XDG_CACHE_HOME/cifarsite`, by default `~/.cache/cifarsite`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cifarsite"


def download(
    folder: Path | None = None, *, url: str = ARCHIVE_URL, md5: str = ARCHIVE_MD5, progress: Progress | None = None
) -> Path:
    """Return `folder`/cifar-10-batches-bin, first downloading, verifying and unpacking the archive if it is missing.

    The archive is unpacked into a temporary folder beside it, which is renamed at the end: an interrupted
    download leaves nothing that looks like a data set. Raises DatasetError.
    """
    folder = folder or cache_folder()
    target = folder / FOLDER_NAME
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"The cache folder {folder} cannot be made ({error.strerror}). Name a writable one in XDG_CACHE_HOME, or "
            "give the data set's folder as --data-dir."
        ) from error
    with unfinished.folder(folder, "download") as temporary:
        archive = temporary / "archive.tar.gz"
        try:
            found = _fetch(url, archive, progress)
        except (OSError, http.client.HTTPException) as error:
            raise DatasetError(
                f"Could not download {url}: {error}. Check the network and run the command again, or fetch the archive "
                "elsewhere, unpack it and give its folder as --data-dir."
            ) from error
        if found != md5:
            raise DatasetError(
                f"{url} arrived with MD5 {found}, not {md5}: the download was cut short or changed on the way. "
                "Run the command again."
            )
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(temporary, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DatasetError(
                f"Could not unpack {url}: {error}. Free some space and run the command again."
            ) from error
        unpacked = Path(temporary) / FOLDER_NAME
        if not unpacked.is_dir():
            raise DatasetError(f"{url} holds no folder {FOLDER_NAME}: it is not the binary version of CIFAR-10.")
        try:
            unpacked.rename(target)
        except OSError:
            # Another process finished first.
            if not target.is_dir():
                raise
    return target


def _fetch(url: str, destination: Path, progress: Progress | None) -> str:
    """Download `url` to `destination` and return its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    # The URL comes from this module or its caller, never from a visitor.
    with urllib.request.urlopen(url, timeout=60) as response, destination.open("wb") as file:  # noqa: S310  # nosec B310
        total = int(response.headers.get("Content-Length") or 0) or None
        while block := response.read(1 << 18):
            file.write(block)
            digest.update(block)
            if progress:
                progress(file.tell(), total)
    return digest.hexdigest()


def _read(path: Path, digest: "hashlib._Hash") -> Split:
    remedy = f"Unpack {ARCHIVE_URL} again, or name another folder with --data-dir."
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing. {remedy}") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}. {remedy}") from error
    expected = IMAGES_PER_FILE * _RECORD_BYTES
    if len(content) != expected:
        raise DatasetError(f"{path} has {len(content):,} bytes, not {expected:,}. {remedy}")
    digest.update(content)
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASS_NAMES):
        raise DatasetError(f"{path} has the label {labels.max()}, above {len(CLASS_NAMES) - 1}: not CIFAR-10. {remedy}")
    planes = records[:, 1:].reshape(-1, _CHANNELS, _HEIGHT, _WIDTH)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


def _concatenate(splits: list[Split]) -> Split:
    return Split(np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits]))
