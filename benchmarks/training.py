"""Images per second of `manage.py train` and of a bare Keras `fit` on the same images without augmentation, in turn.

    python -m benchmarks.training student_cnn --data-dir DIR --limit 5000

Both train the same network with the same optimizer and batches. Each round runs two epochs of each and measures the
second, because the first compiles. An epoch's time includes validation on a tenth as many images. The backend is
TensorFlow, or the one in KERAS_BACKEND.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.ablation import Quiet
from ml.artifacts import readers
from ml.building.pipeline import require_tensorflow
from ml.data.dataset import Dataset
from ml.networks.registry import ARCHITECTURES, find_architecture
from ml.training import loop as training
from ml.training.recipes import Recipe, find_recipe
from ml.training.run_settings import RunSettings

_EVALUATION_BATCH = 500


def measure_ours(dataset: Dataset, architecture: str, recipe: Recipe) -> float:
    """Return the images per second of the second epoch, with augmentation, schedule and checkpoints."""
    settings = RunSettings.for_dataset(
        dataset,
        name="benchmark",
        architecture=architecture,
        seed=1,
        recipe=recipe,
        backend=os.environ.get("KERAS_BACKEND", "tensorflow"),
    )
    with tempfile.TemporaryDirectory() as folder:
        history = training.train(settings, dataset, Path(folder), Quiet("manage.py train")).history
    return len(dataset.train.labels) / history[1].seconds


def measure_bare(dataset: Dataset, architecture: str, recipe: Recipe) -> float:
    """Return the same for the code of a tutorial: arrays in memory, `compile` and `fit`."""
    import keras
    import numpy as np

    seconds: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.monotonic() - self.started)

    model = find_architecture(architecture).build(dataset.image_shape, len(dataset.class_names))
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(recipe.learning_rate, momentum=0.9, nesterov=True)
    else:
        optimizer = keras.optimizers.Adam(recipe.learning_rate)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    one_hot = np.eye(len(dataset.class_names), dtype="float32")
    model.fit(
        dataset.train.images.astype("float32"),
        one_hot[dataset.train.labels],
        batch_size=recipe.batch_size,
        epochs=2,
        validation_data=(dataset.validation.images.astype("float32"), one_hot[dataset.validation.labels]),
        validation_batch_size=_EVALUATION_BATCH,
        callbacks=[Clock()],
        verbose=0,
    )
    return len(dataset.train.labels) / seconds[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=sorted(ARCHITECTURES))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--limit", type=int, default=5000, help="train on so many images")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    require_tensorflow()

    dataset = readers.load_dataset(options.data_dir).limited(options.limit)
    recipe = find_recipe(find_architecture(options.architecture).recipe).changed(epochs=2)
    ours, bare = [], []
    for number in range(1, options.rounds + 1):
        bare.append(measure_bare(dataset, options.architecture, recipe))
        ours.append(measure_ours(dataset, options.architecture, recipe))
        print(f"round {number}: bare fit {bare[-1]:.0f} images a second, manage.py train {ours[-1]:.0f}", flush=True)
    ratios = [one / other for one, other in zip(ours, bare)]
    print(f"{options.architecture}, batches of {recipe.batch_size}, images a second:")
    print(f"bare fit {statistics.median(bare):.0f}, manage.py train {statistics.median(ours):.0f}")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
