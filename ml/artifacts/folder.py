"""A trained model's folder: written whole or not at all, read and verified. Nothing else touches its files.

model.keras    the network, rescaling inside: it takes pixels 0-255
model.tflite   the same function for serving, on LiteRT: logits and the features they are computed from
statistics.npz the distribution of the training images' features, to detect unlike images
card.json      what the model is, how it was trained, its figures, and the checksums of the files
history.json   every epoch
*.svg *.png    the curves, the confusion matrix, the reliability diagram
mistakes.*     the most confident mistakes on the test images, which `ml.artifacts.mistakes` writes and reads
evaluation-*/  what `manage.py evaluate` measured later: figures.json and pictures
neighbours/    the training images by their features, which `ml.serving.neighbours` writes and reads; it has no checksum
               in the card, and a copy of the model leaves it out

A model of several networks has a folder for each, as above, and a card that says which network predicts what.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ml.artifacts.card import CARD_FILE, MODEL_NAME, ArtifactError, Card, load_card, parse_card, unreadable
from ml.filesystem import unfinished
from ml.filesystem.durability import sync, sync_tree

KERAS_FILE = "model.keras"
LITERT_FILE = "model.tflite"
STATISTICS_FILE = "statistics.npz"
MODEL_FILES = (KERAS_FILE, LITERT_FILE, STATISTICS_FILE)
HISTORY_FILE = "history.json"
FIGURES_FILE = "figures.json"
NEIGHBOURS_FOLDER = "neighbours"
#: The parts of a model folder that are derived later and not copied with it.
MADE_LATER = ("evaluation-*", NEIGHBOURS_FOLDER)


def check_name(name: str) -> str:
    """Return `name` if it is a valid name for a model; raise ArtifactError otherwise."""
    if not MODEL_NAME.fullmatch(name):
        raise ArtifactError(
            f"A model cannot be called {name!r}: use 1 to 63 lower-case letters, digits, '-' and '_', "
            "beginning with a letter or digit."
        )
    return name


def check_free(folder: Path) -> None:
    """Raise ArtifactError when `folder` already exists."""
    if folder.exists():
        raise ArtifactError(f"{folder} already exists. Choose another name, or move that folder.")


def check_writable(folder: Path) -> None:
    """Raise ArtifactError when `folder` already exists or cannot be created; checked before training."""
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-").cleanup()
    except OSError as error:
        raise ArtifactError(
            f"{folder.parent} cannot be written to ({error.strerror or error}). Mend that, or choose another folder."
        ) from error


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `folder` if the block succeeds, and removed if it fails.

    Raises ArtifactError when `folder` already exists: a published model is never overwritten.
    """
    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.folder(folder.parent, folder.name) as temporary:
        yield temporary
        temporary.chmod(0o755)
        sync_tree(temporary)
        os.rename(temporary, folder)
        sync(folder.parent)


def save_card(folder: Path, card: Card) -> Card:
    """Write the card with the checksums of the model files in `folder`, and return it."""
    values = card.as_dict()
    values["files"] = {name: sha256(folder / name) for name in _files(card)}
    write_json(folder / CARD_FILE, values)
    return load_card(folder)


def load_network_card(folder: Path, card: Card, network: str) -> Card:
    """Return the card of one network of the model in `folder`; for a model of a single network, `card` itself.

    Raises ArtifactError, also if the network's card does not have the checksum that `card` states.
    """
    if not network:
        return card
    name = f"{network}/{CARD_FILE}"
    return parse_card(folder / name, read_verified(folder, card, name))


def read_verified(folder: Path, card: Card, name: str) -> bytes:
    """Return the content of one of a model's files. Raises ArtifactError unless it has the checksum that `card` states.

    The content that was verified is the content returned: the file is read once, so later changes have no effect.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise unreadable(path, error) from error
    if hashlib.sha256(content).hexdigest() != _checksum(folder, card, name):
        raise _changed(path)
    return content


def save_evaluation(folder: Path, name: str, figures: dict[str, Any], draw: Callable[[Path], None]) -> Path:
    """Put `evaluation-<name>/` into a model's folder, replacing an earlier one; `draw` adds its plots.

    Raises ArtifactError when the folder cannot be written to.
    """
    target = _evaluation_folder(folder, name)
    with replacing(target) as new:
        draw(new)
        write_json(new / FIGURES_FILE, figures)
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `target`, a part of a model's folder, if the block succeeds.

    If the block fails, `target` stays as it was. Raises ArtifactError when the model's folder cannot be written to.
    """
    try:
        with unfinished.folder(target.parent, target.name) as temporary:
            new = temporary / "new"
            new.mkdir()
            new.chmod(0o755)
            yield new
            sync_tree(new)
            if target.exists():
                target.rename(temporary / "earlier")
            new.rename(target)
            sync(target.parent)
    except OSError as error:
        raise ArtifactError(f"{target} cannot be written ({error.strerror or error}).") from error


def load_evaluation(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the figures that `save_evaluation` stored in a model's folder, or None."""
    path = _evaluation_folder(folder, name) / FIGURES_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def model_folders(root: Path) -> list[Path]:
    """The model folders directly below `root`, by name, without those that are still being written."""
    return sorted(path.parent for path in root.glob(f"[!.]*/{CARD_FILE}"))


def verify(folder: Path) -> Card:
    """Return the card if every file has the checksum that it states; else raise ArtifactError, which names the file."""
    card = load_card(folder)
    for name in {*_files(card), *card.files}:
        path, expected = folder / name, _checksum(folder, card, name)
        if not path.is_file():
            raise _missing(path)
        try:
            found = sha256(path)
        except OSError as error:
            raise unreadable(path, error) from error
        if found != expected:
            raise _changed(path)
    for network in card.networks:
        verify(folder / network)
    return card


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Every epoch of the training, oldest first, with the fields of `ml.training.checkpoints.EpochRecord`."""
    return json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8"))


def _files(card: Card) -> list[str]:
    """The files whose checksums the card states: those of its network, or the cards of its networks."""
    if card.networks:
        return [f"{network}/{CARD_FILE}" for network in card.networks]
    return [name for name in MODEL_FILES if card.statistics or name != STATISTICS_FILE]


def _checksum(folder: Path, card: Card, name: str) -> str:
    try:
        return card.files[name]
    except KeyError:
        raise ArtifactError(f"{folder / CARD_FILE} states no checksum of {name}.") from None


def _missing(path: Path) -> ArtifactError:
    return ArtifactError(f"{path} is missing. Restore the folder or train the model again.")


def _changed(path: Path) -> ArtifactError:
    return ArtifactError(f"{path} is not the file its card describes. Restore it or train the model again.")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of(file)


def sha256_of(stream: BinaryIO) -> str:
    """The SHA-256 of the rest of a stream, which needs only a method `read`."""
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _evaluation_folder(folder: Path, name: str) -> Path:
    return folder / f"evaluation-{name}"


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
