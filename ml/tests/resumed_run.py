"""Train with dropout in a process of its own, to the end and stopped after an epoch, or resume it; print JSON.

python -m ml.tests.resumed_run FOLDER [--resume]
"""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np

from ml.data.dataset import Dataset, Split
from ml.tests.factories import TINY, register_tiny
from ml.training.loop import train
from ml.training.recipes import find_recipe
from ml.training.reseeding import reseed_layers, reseed_pytorch
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


def run(folder: Path, stop: bool = False, resume: bool = False) -> list:
    """The epochs' losses and the state after the last of them."""
    data = dataset()
    recipe = replace(find_recipe("adam_cosine"), epochs=2, batch_size=16)
    settings = RunSettings.for_dataset(data, name="noise", architecture=TINY, recipe=recipe, seed=1)
    result = train(RunSettings.load(folder) if resume else settings, data, folder, Listener(stop), resume=resume)
    return [[(one.loss, one.validation_loss) for one in result.history], last_state(folder)]


def dropped_within_layers(epoch: int) -> list:
    """What layers of dropout leave in an epoch; Keras draws it from PyTorch's own generator where they are nested."""
    inner = keras.Sequential([keras.layers.Dropout(0.3), keras.layers.Dropout(0.3)])
    model = keras.Sequential([keras.Input((64,)), inner])
    reseed_layers(model, 1, epoch)
    reseed_pytorch(1, epoch, 0)
    return keras.ops.convert_to_numpy(model(np.ones((1, 64), "float32"), training=True)).tolist()


def main(folder: Path, resume: bool) -> None:
    register_tiny()
    if resume:
        print(json.dumps(run(folder / "stopped", resume=True)))
        return
    found = {
        "undisturbed": run(folder / "undisturbed"),
        "stopped": run(folder / "stopped", stop=True),
        "dropped": [dropped_within_layers(epoch) for epoch in (3, 3, 4)],
    }
    print(json.dumps(found))


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
    main(Path(sys.argv[1]), "--resume" in sys.argv)
