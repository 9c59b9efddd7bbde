"""The card of a model folder: what the model is and how it was measured."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.classes import LONGEST_CLASS_NAME, fault_of

CARD_FILE = "card.json"
CARD_FORMAT = 2
#: The valid names of models and networks, and thus of their folders.
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ArtifactError(Exception):
    """A model folder is missing, damaged or in the way; the message names it and the remedy."""


@dataclass(frozen=True)
class Card:
    """The card of a model folder.

    input_shape: height, width, channels. metrics: split -> the fields of `ml.evaluation.metrics.Assessment`.
    calibration: the fields of `ml.confidence.calibration.Calibration`. abstention: the score in use, the share of
    validation images that reach its threshold, and the thresholds of all scores: the fields of
    `ml.confidence.decision.DecisionRule`.
    files: name -> SHA-256 of every file it needs.
    statistics: whether there are statistics of its training images.
    framing: the fields of `ml.images.preprocessing.Framing`; none for the whole picture.
    networks: for a model of several, name -> description; `ml.serving.routing` chooses between them.
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
    format: int = CARD_FORMAT

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Card":
        """Return the card from the output of `as_dict`. Raises KeyError or TypeError for anything else."""
        shapes = {name: tuple(values[name]) for name in ("class_names", "input_shape")}
        return cls(**{**values, **shapes})

    @property
    def digest(self) -> str:
        """The SHA-256 of the card, which contains those of all files; it identifies a version."""
        # Not `as_dict`, which copies thousands of figures.
        values = dict(vars(self))
        # Entries that older cards lack count only if set, so that published digests do not change.
        for name, default in {"statistics": True, "framing": {}, "networks": {}}.items():
            if values[name] == default:
                del values[name]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @property
    def network_folders(self) -> tuple[str, ...]:
        """The folders of the networks in the model's folder: itself, "", or one each."""
        return tuple(self.networks) or ("",)

    @property
    def tested_on(self) -> dict[str, Any]:
        """Name and fingerprint of the data set of the figures: that of the training, unless the card names another."""
        return self.dataset.get("evaluated_on") or self.dataset


def load_card(folder: Path) -> Card:
    """Read the card; raise ArtifactError if it is missing or of an unsupported version."""
    path = folder / CARD_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"{folder} is not a model folder: it has no {CARD_FILE}.") from None
    except OSError as error:
        raise unreadable(path, error) from error
    return parse_card(path, content)


def parse_card(path: Path, content: bytes) -> Card:
    """Return the card that was read from `path`; errors as `load_card`."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, error) from error
    if not isinstance(values, dict) or values.get("format") != CARD_FORMAT:
        raise ArtifactError(f"{path} is not a card of format {CARD_FORMAT}, which this version requires.")
    try:
        card = Card.from_dict(values)
        _check_names(path, card)
    except (AttributeError, KeyError, TypeError) as error:
        raise wrong_entries(path, error) from error
    return card


def _check_names(path: Path, card: Card) -> None:
    """Raise ArtifactError unless these names are valid."""
    for name in (card.name, *card.networks):
        if not MODEL_NAME.fullmatch(name):
            raise ArtifactError(f"{path} names a model or a network {name!r}. Correct it, or train the model again.")
    for name in card.class_names:
        if fault := fault_of(name):
            raise ArtifactError(
                f"{path} has the class {name[:LONGEST_CLASS_NAME]!r}. A class {fault}. "
                "Rename it and train the model again."
            )


def wrong_entries(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path} lacks or has too many entries ({error}). Restore it or train the model again.")


def unreadable(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path} cannot be read ({error}). Restore the folder or train the model again.")
