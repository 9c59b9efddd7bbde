"""The files of a published model that anyone may download."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.models import ModelVersion
from classifier.storages.model_folders import own_or_at_hand
from ml.artifacts import folder as artifacts

#: Epochs as a table; made of the model's history.
HISTORY_CSV = "history.csv"
_OFFERED = (artifacts.KERAS_FILE, artifacts.LITERT_FILE, artifacts.CARD_FILE)
_EPOCH_FIELDS = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class ModelFile:
    """A file of a model. network: "" for the model itself. size: in bytes, None if unknown."""

    network: str
    name: str
    size: int | None = None

    @property
    def path(self) -> str:
        return f"{self.network}/{self.name}" if self.network else self.name


def downloads(version: ModelVersion) -> list[ModelFile]:
    """Return the files that exist, those of the model itself first."""
    found = []
    for network in dict.fromkeys(("", *version.whole_card.network_folders)):
        folder = _folder(version) / network
        sizes = ((name, folder / name) for name in _OFFERED)
        found += [ModelFile(network, name, path.stat().st_size) for name, path in sizes if path.is_file()]
        if (folder / artifacts.HISTORY_FILE).is_file():
            found.append(ModelFile(network, HISTORY_CSV))
    return found


def find_download(version: ModelVersion, path: str) -> ModelFile | None:
    """Return the file at a path of `downloads`; None for any other."""
    return next((file for file in downloads(version) if file.path == path), None)


def local_path(version: ModelVersion, file: ModelFile) -> Path:
    return _folder(version) / file.path


def history_csv(version: ModelVersion, network: str) -> str:
    """Return the epochs of one of the version's networks as CSV. Raises OSError or ValueError for a damaged history."""
    return epochs_csv(artifacts.read_history(_folder(version) / network))


def epochs_csv(epochs: Iterable[Mapping[str, Any]]) -> str:
    """Return epochs with the fields of `ml.training.loop.EpochRecord` as CSV, with a line of headings."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _EPOCH_FIELDS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(epochs)
    return text.getvalue()


def _folder(version: ModelVersion) -> Path:
    return own_or_at_hand(version.path, version.digest)
