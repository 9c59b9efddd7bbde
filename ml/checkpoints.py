"""What a training run keeps after every epoch, so that it can be killed at any moment and go on."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.durability import sync, sync_tree

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to; losses in nats, `seconds` of wall time with its validation."""

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
    """`epoch-0007/` with weights, optimizer and history, complete or not there; and the best epoch's weights."""

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
        if latest := self.latest():
            model.load_weights(latest / "state.weights.h5")
        return self.history()

    def save(self, model: "keras.Model", history: list[EpochRecord]) -> None:
        """Keep the state after the last epoch of `history`; weights carry the optimizer's state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = history[-1].epoch
        temporary = self.folder / f"writing-{number:04d}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        model.save_weights(temporary / "state.weights.h5")
        (temporary / "history.json").write_text(json.dumps([asdict(record) for record in history]))
        sync_tree(temporary)
        if best_epoch(history).epoch == number:
            # The best weights go first: a kill between the two repeats this epoch, which writes them again.
            shutil.copyfile(temporary / "state.weights.h5", self.folder / "best.new")
            sync(self.folder / "best.new")
            os.replace(self.folder / "best.new", self.best_path)
        os.replace(temporary, self.folder / f"epoch-{number:04d}")
        sync(self.folder)
        for older in self.folder.glob("epoch-????"):
            if older.name < f"epoch-{number:04d}":
                shutil.rmtree(older)
