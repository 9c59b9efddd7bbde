"""Train with dropout in a process of its own: to the end, stopped after an epoch, or resumed. Print the result.

python -m ml.tests.resumed_run RUN [--stop | --resume]
"""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from ml.data.dataset import Dataset, Split
from ml.training.loop import train
from ml.training.recipes import find_recipe
from ml.training.run_settings import RunSettings


class Listener:
    def __init__(self, stop: bool) -> None:
        self.stop = stop

    def batch_ended(self, *_progress: float) -> None: ...
    def epoch_ended(self, _record: object) -> None: ...
    def should_stop(self) -> bool:
        return self.stop


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    splits = [
        Split(rng.integers(0, 256, (count, 32, 32, 3), np.uint8), rng.integers(0, 3, count)) for count in (48, 16, 16)
    ]
    return Dataset("Noise", ("red", "green", "blue"), *splits, fingerprint="sha256:noise")


def main(folder: Path, stop: bool, resume: bool) -> None:
    data = dataset()
    recipe = replace(find_recipe("adam_cosine"), epochs=2, batch_size=16)
    settings = RunSettings.for_dataset(data, name="noise", architecture="student_cnn", recipe=recipe, seed=1)
    result = train(RunSettings.load(folder) if resume else settings, data, folder, Listener(stop), resume=resume)
    print(len(result.history), [(one.loss, one.validation_loss) for one in result.history], last_state(folder))


def last_state(folder: Path) -> str:
    """SHA-256 of the weights and of the optimizer's state after the last epoch, which need not be the best one."""
    digest = hashlib.sha256()

    def add(_name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(np.ascontiguousarray(item[()]).tobytes())

    (path,) = (folder / "checkpoints").glob("epoch-*/state.weights.h5")
    with h5py.File(path) as file:
        file.visititems(add)
    return digest.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--stop" in sys.argv, "--resume" in sys.argv)
