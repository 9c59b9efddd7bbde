"""A trained model's folder: written whole or not at all, read and verified. Nothing else touches its files.

model.keras    the network, rescaling inside: it takes pixels 0-255
model.tflite   the same function for serving, on LiteRT: its logits and the features they are made from
statistics.npz where the features of training images lie, to tell what is unlike them
card.json      what it is, how it came to be, how good it is, and the checksums of the files
history.json   every epoch
*.svg *.png    the curves, the confusion matrix, the reliability diagram, the most confident mistakes
evaluation-*/  what `manage.py evaluate` measured later: figures.json and pictures
neighbours/    the training images by what the network sees in them, as `ml.neighbours` writes and reads it; no checksum
               of the card counts it, and a copy of the model goes without

A model of several networks has a folder for each, as above, and a card that says which of them answers what.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KERAS_FILE = "model.keras"
LITERT_FILE = "model.tflite"
STATISTICS_FILE = "statistics.npz"
MODEL_FILES = (KERAS_FILE, LITERT_FILE, STATISTICS_FILE)
CARD_FILE = "card.json"
HISTORY_FILE = "history.json"
FIGURES_FILE = "figures.json"
NEIGHBOURS_FOLDER = "neighbours"
#: What a model's folder has beside the model: made later, and made again for a copy of it.
MADE_LATER = ("evaluation-*", NEIGHBOURS_FOLDER)
CARD_FORMAT = 2

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ArtifactError(Exception):
    """A model folder is missing, damaged or in the way; the message names it and says what to do."""


@dataclass(frozen=True)
class Card:
    """What a model folder says of itself.

    input_shape: height, width, channels. metrics: split -> its figures, as `ml.evaluation.Assessment.as_dict` gives.
    calibration: the fields of `ml.calibration.Calibration`. abstention: the score that counts, the share of
    validation images it answers, and the threshold of every score, as `ml.decision.DecisionRule.as_dict` gives them.
    files: name -> SHA-256 of every file it needs.
    statistics: whether there are statistics of its training images.
    framing: the fields of `ml.preprocessing.Framing`; none for the whole picture.
    networks: for a model of several, name -> what it is. routing: the rule that tells photographs from thumbnails, by
    which one of them answers, or a picture is framed; and what it was measured to do, as `ml.routing` gives them.
    """

    name: str
    architecture: str
    class_names: tuple[str, ...]
    input_shape: tuple[int, int, int]
    parameter_count: int
    recipe: dict[str, Any]
    seed: int
    dataset: dict[str, Any]
    training: dict[str, Any]
    export: dict[str, Any]
    libraries: dict[str, str]
    metrics: dict[str, dict[str, Any]]
    calibration: dict[str, float]
    abstention: dict[str, Any]
    created_at: str
    files: dict[str, str] = field(default_factory=dict)
    statistics: bool = True
    framing: dict[str, float] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    routing: dict[str, Any] = field(default_factory=dict)
    format: int = CARD_FORMAT

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Card":
        """Return the card that `as_dict` made these of. Raises KeyError or TypeError where it did not."""
        shapes = {name: tuple(values[name]) for name in ("class_names", "input_shape")}
        return cls(**{**values, **shapes})

    @property
    def digest(self) -> str:
        """SHA-256 that changes with the card or any of the model's files: what tells two versions apart."""
        values = self.as_dict()
        # Entries that older cards lack count only where they say something: a published digest does not change.
        for name, default in {"statistics": True, "framing": {}, "networks": {}, "routing": {}}.items():
            if values[name] == default:
                del values[name]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @property
    def network_folders(self) -> tuple[str, ...]:
        """Where the networks are below the model's folder: in itself, "", or in one folder each."""
        return tuple(self.networks) or ("",)


def check_name(name: str) -> str:
    """Return `name` if a model may be called so; raise ArtifactError otherwise."""
    if not _NAME.fullmatch(name):
        raise ArtifactError(
            f"A model cannot be called {name!r}: use 1 to 63 lower-case letters, digits, '-' and '_', "
            "beginning with a letter or digit."
        )
    return name


def check_free(folder: Path) -> None:
    """Raise ArtifactError when `folder` is there already."""
    if folder.exists():
        raise ArtifactError(f"{folder} is there already. Choose another name, or move that folder away.")


def check_writable(folder: Path) -> None:
    """Raise ArtifactError when `folder` is there already or cannot be made: to be known before training."""
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
    """Yield a temporary folder that becomes `folder` when the block ends well, and is removed when it does not.

    Raises ArtifactError when `folder` is there already: a published model is never written over.
    """
    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield temporary
        temporary.chmod(0o755)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def save_card(folder: Path, card: Card) -> Card:
    """Write the card with the checksums of the model files in `folder`, and return it."""
    values = card.as_dict()
    values["files"] = {name: sha256(folder / name) for name in _files(card)}
    write_json(folder / CARD_FILE, values)
    return load_card(folder)


def load_card(folder: Path) -> Card:
    """Read the card; raise ArtifactError when there is none or it is not one that this version understands."""
    path = folder / CARD_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{folder} is not a model folder: there is no {CARD_FILE} in it.") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read ({error}). Restore the folder or train the model again.") from error
    if not isinstance(values, dict) or values.get("format") != CARD_FORMAT:
        raise ArtifactError(f"{path} is not a card of format {CARD_FORMAT}, the one this version reads.")
    try:
        return Card.from_dict(values)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} lacks or has too many entries ({error}).") from error


def save_evaluation(folder: Path, name: str, figures: dict[str, Any], draw: Callable[[Path], None]) -> Path:
    """Put `evaluation-<name>/` into a model's folder in the place of an earlier one; `draw` adds its pictures.

    Raises ArtifactError when the folder cannot be written to.
    """
    target = _evaluation_folder(folder, name)
    with replacing(target) as new:
        draw(new)
        write_json(new / FIGURES_FILE, figures)
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `target`, a part of a model's folder, when the block ends well.

    Whatever else ends it leaves what was there. Raises ArtifactError when the model's folder cannot be written to.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            new.chmod(0o755)
            yield new
            if target.exists():
                target.rename(Path(temporary) / "earlier")
            new.rename(target)
    except OSError as error:
        raise ArtifactError(f"{target} cannot be written ({error.strerror or error}).") from error


def load_evaluation(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the figures that `save_evaluation` put into a model's folder; None where there are none."""
    path = _evaluation_folder(folder, name) / FIGURES_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def model_folders(root: Path) -> list[Path]:
    """The model folders directly below `root`, by name; those still being written are not among them."""
    return sorted(path.parent for path in root.glob(f"[!.]*/{CARD_FILE}"))


def verify(folder: Path) -> Card:
    """Return the card when every file has the checksum it states; raise ArtifactError naming the first that has not."""
    card = load_card(folder)
    for name in _files(card):
        if name not in card.files:
            raise ArtifactError(f"{folder / CARD_FILE} states no checksum of {name}.")
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing. Restore the folder or train the model again.")
        if sha256(path) != expected:
            raise ArtifactError(f"{path} is not the file its card describes. Restore it or train the model again.")
    for network in card.networks:
        verify(folder / network)
    return card


def read_history(folder: Path) -> list[dict[str, float]]:
    """Every epoch of the training, oldest first, as `ml.training.EpochRecord` has it."""
    return json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8"))


def _files(card: Card) -> list[str]:
    """The files whose checksums the card states: the network's, or the cards of the networks, which state theirs."""
    if card.networks:
        return [f"{network}/{CARD_FILE}" for network in card.networks]
    return [name for name in MODEL_FILES if card.statistics or name != STATISTICS_FILE]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _evaluation_folder(folder: Path, name: str) -> Path:
    return folder / f"evaluation-{name}"


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
