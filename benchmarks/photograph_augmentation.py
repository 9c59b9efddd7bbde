"""Ablation of augmentation: add one change of the training images at a time, and evaluate on photos.

    python -m benchmarks.photograph_augmentation compact_resnet --photos DIR --data-dir DIR --epochs 2

Every step trains the model in ml/trained/ further, from the same weights and with the whole learning-rate schedule. The
photographs are scored whole and with margins cropped; the validation images show the cost on thumbnails. The table is
printed and written to runs/photograph_augmentation/<model>/results.md; finished steps are not run again. The test split
is never used.
"""

import argparse
import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from benchmarks.ablation import Quiet
from ml.artifacts import readers
from ml.building.pipeline import require_tensorflow
from ml.classes import NONE_CLASS
from ml.data import augmentation, image_folder, image_reading
from ml.data.augmentation import Augmentation
from ml.images.preprocessing import Framing, to_input
from ml.training import loop as training
from ml.training.recipes import find_recipe
from ml.training.run_settings import RunSettings
from ml.training.transfer import ModelSource

TRAINED = Path(__file__).resolve().parent.parent / "ml" / "trained"
MARGINS = (0.0, 0.1, 0.2, 0.3)
#: The augmentation added by each step.
STEPS = {
    "shifts, mirroring, cutout": dataclasses.asdict(augmentation.CROP_FLIP_CUTOUT),
    "a random operation, larger cutout": dataclasses.asdict(augmentation.VARIED),
    "zoom by 0.6 to 1.4": {"zoom_fraction": 0.4},
    "stretching by 20%": {"stretch_fraction": 0.2},
    "shifts of 25%": {"shift_fraction": 0.25},
    "blur of up to 0.8 pixels": {"blur_radius": 0.8},
    "JPEG of quality 30 and more": {"jpeg_quality": 30},
    "colours by 40%": {"colour_fraction": 0.4},
}


def augmentations() -> dict[str, Augmentation]:
    found, current = {}, augmentation.NONE
    for name, added in STEPS.items():
        current = dataclasses.replace(current, **added)
        found[name] = current
    return found


@dataclasses.dataclass(frozen=True)
class Photographs:
    """images: float32 (N, H, W, 3) for each margin; labels: int64 (N,)."""

    images: dict[float, np.ndarray]
    labels: np.ndarray

    @classmethod
    def read(cls, folder: Path, class_names: tuple[str, ...], side: int) -> "Photographs":
        files = image_folder.list_images(folder, (*class_names, NONE_CLASS), fewest=0)
        known = [(path, label) for path, label in files if label < len(class_names)]

        def see(decoded):
            return [to_input(decoded.picture, side, side, Framing(margin=margin)) for margin in MARGINS]

        seen = np.stack(image_reading.read_images([path for path, _ in known], see)).astype(np.float32)
        return cls(
            {margin: seen[:, index] for index, margin in enumerate(MARGINS)}, np.array([label for _, label in known])
        )

    def score(self, model) -> dict[str, tuple[float, float]]:
        """Return accuracy over images and over classes for each margin; mirrored copies are averaged with the rest."""
        found = {}
        for margin, images in self.images.items():
            views = (images, images[:, :, ::-1])
            right = np.mean(
                [model.predict(view, verbose=0, batch_size=64).argmax(axis=1) == self.labels for view in views], axis=0
            )
            classes = [right[self.labels == label].mean() for label in np.unique(self.labels)]
            found[f"{margin:.0%}"] = (float(right.mean()), float(np.mean(classes)))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder of ml/trained/")
    parser.add_argument("--photos", type=Path, required=True, help="a sub-folder for each class")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--recipe", default="sgd_varied")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, default=0.03)
    parser.add_argument("--compute-dtype", choices=("float32", "mixed_bfloat16"), default="float32")
    options = parser.parse_args()
    require_tensorflow()

    source = ModelSource.of(TRAINED / options.model)
    dataset = readers.load_dataset(options.data_dir)
    photographs = Photographs.read(options.photos, dataset.class_names, dataset.image_shape[0])
    recipe = find_recipe(options.recipe).changed(
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        warmup_epochs=0.3,
        compute_dtype=options.compute_dtype,
    )
    root = Path("runs") / "photograph_augmentation" / options.model
    root.mkdir(parents=True, exist_ok=True)
    kept = root / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    if not results:
        model, card = source.load()
        results["as it is"] = [card.metrics["validation"]["accuracy"], photographs.score(model)]
    for number, (name, changes) in enumerate(augmentations().items()):
        if name in results:
            continue
        settings = RunSettings.for_dataset(
            dataset,
            name="photograph_augmentation",
            architecture=source.architecture,
            seed=1,
            recipe=recipe.changed(augmentation=changes),
            backend=os.environ.get("KERAS_BACKEND", "tensorflow"),
            initial_weights=source,
        )
        folder = root / f"{number}-{options.epochs}-{options.learning_rate}"
        run = training.train(settings, dataset, folder, Quiet(name), resume=bool(training.read_history(folder)))
        results[name] = [run.history[-1].validation_accuracy, photographs.score(run.model)]
        kept.write_text(json.dumps(results, indent=1))
        print(_table(results, len(photographs.labels)), flush=True)
    (root / "results.md").write_text(_table(results, len(photographs.labels)) + "\n")


def _table(results: dict[str, list], count: int) -> str:
    lines = [
        "| added | validation | "
        + " | ".join(f"margin {margin:.0%}" for margin in MARGINS)
        + " | mean |\n| --- | --- | "
        + "--- | " * (len(MARGINS) + 1)
    ]
    for name, (validation, scores) in results.items():
        pairs = [*scores.values(), tuple(np.mean(list(scores.values()), axis=0))]
        cells = " | ".join(f"{100 * images:.1f} / {100 * classes:.1f}" for images, classes in pairs)
        lines.append(f"| {name} | {validation:.2%} | {cells} |")
    return "\n".join([*lines, "", f"{count} photographs; over images / over classes, in percent."])


if __name__ == "__main__":
    main()
