"""Checkpoints of a training run, written after every epoch, so that a killed run can resume."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.artifacts.folder import ArtifactError, sha256
from ml.filesystem.durability import sync, sync_tree

if TYPE_CHECKING:
    import keras


_STATE_FILE = "state.weights.h5"
#: SHA-256 sums, one per line: of a state, or of all best weights so far.
_SUMS_FILE = "sha256"


@dataclass(frozen=True)
class EpochRecord:
    """The results of one epoch; losses in nats, `seconds` of wall time including validation."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


def best_epoch(history: list[EpochRecord]) -> EpochRecord:
    return max(history, key=lambda record: (record.validation_accuracy, -record.validation_loss))


class Checkpoints:
    """`epoch-0007/` with weights, optimizer and history, complete or absent; and the best epoch's weights."""

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / "checkpoints"
        self.best_path = self.folder / "best.weights.h5"

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def latest(self) -> Path | None:
        return max(self.folder.glob("epoch-????"), default=None)

    def history(self) -> list[EpochRecord]:
        latest = self.latest()
        return [EpochRecord(**row) for row in json.loads((latest / "history.json").read_text())] if latest else []

    def restore(self, model: "keras.Model") -> list[EpochRecord]:
        """Load the state after the last epoch, and return its history. Raises ArtifactError when it is damaged."""
        if latest := self.latest():
            _load(model, latest / _STATE_FILE, latest / _SUMS_FILE)
        return self.history()

    def restore_best(self, model: "keras.Model") -> None:
        """Load the weights after the best epoch. Raises ArtifactError when they are damaged."""
        _load(model, self.best_path, self.folder / _SUMS_FILE)

    def save(self, model: "keras.Model", history: list[EpochRecord]) -> None:
        """Save the state after the last epoch of `history`, including the optimizer's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = history[-1].epoch
        temporary = self.folder / f"writing-{number:04d}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        model.save_weights(temporary / _STATE_FILE)
        (temporary / "history.json").write_text(json.dumps([asdict(record) for record in history]))
        checksum = sha256(temporary / _STATE_FILE) + "\n"
        (temporary / _SUMS_FILE).write_text(checksum)
        sync_tree(temporary)
        if best_epoch(history).epoch == number:
            # The best weights come first: after a kill in between, this epoch is repeated and writes them again.
            shutil.copyfile(temporary / _STATE_FILE, self.folder / "best.new")
            sync(self.folder / "best.new")
            # Before the file, so that after a kill either of the two is one of those listed.
            with (self.folder / _SUMS_FILE).open("a") as sums:
                sums.write(checksum)
            sync(self.folder / _SUMS_FILE)
            os.replace(self.folder / "best.new", self.best_path)
        os.replace(temporary, self.folder / f"epoch-{number:04d}")
        sync(self.folder)
        for older in self.folder.glob("epoch-????"):
            if older.name < f"epoch-{number:04d}":
                shutil.rmtree(older)


def _load(model: "keras.Model", path: Path, sums: Path) -> None:
    # Older versions wrote none.
    if sums.exists() and sha256(path) not in sums.read_text().split():
        raise ArtifactError(
            f"{path} is not the file that was written: the run cannot be resumed from it. Restore it, or delete "
            f"{sums.parent} and train again."
        )
    model.load_weights(path)
