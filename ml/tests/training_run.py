"""A small run in a process of its own, for the tests that kill it.

python -m ml.tests.training_run DATA RUN [--resume]
"""

import signal
import sys
from pathlib import Path

from ml.data import cifar10
from ml.tests.factories import Listener, register_tiny, tiny_settings
from ml.training import loop as training
from ml.training.run_settings import RunSettings


class Printer(Listener):
    """Prints every batch; a new run waits in its second epoch to be killed."""

    def __init__(self, resume: bool) -> None:
        super().__init__()
        self.resume = resume

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None:
        print(epoch, batch, flush=True)
        if (epoch, batch) == (2, 2) and not self.resume:
            signal.pause()


def main(data_dir: str, run_folder: Path, resume: bool) -> None:
    register_tiny()
    dataset = cifar10.load(data_dir).limited(300)
    settings = RunSettings.load(run_folder) if resume else tiny_settings(dataset)
    training.train(settings, dataset, run_folder, Printer(resume), resume=resume)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), "--resume" in sys.argv)
