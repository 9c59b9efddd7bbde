"""Ablation of a recipe: train without one part at a time, and compare on validation images.

    python -m benchmarks.ablation compact_resnet --data-dir DIR --limit 10000 --epochs 8

Every variant trains with the whole learning-rate schedule in the given epochs. A stopped run resumes where it
was; the table is printed and written to runs/ablation/<architecture>/results.md. The test split is never used.
"""

import argparse
import dataclasses
import json
import math
import statistics
from pathlib import Path

from ml.artifacts import readers
from ml.building.pipeline import require_tensorflow
from ml.data.augmentation import Augmentation
from ml.data.dataset import Dataset
from ml.networks.registry import ARCHITECTURES, find_architecture
from ml.training import loop as training
from ml.training.checkpoints import EpochRecord
from ml.training.recipes import Recipe, find_recipe
from ml.training.run_settings import RunSettings


def variants(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe, and the recipe without each of its parts in turn."""
    found = {"the whole recipe": recipe}
    for part in ("weight_average", "label_smoothing", "weight_decay", "mixup", "warmup_epochs"):
        if getattr(recipe, part):
            found[f"without {part.replace('_', ' ')}"] = recipe.changed(**{part: 0.0})
    if recipe.bias_rate != 1:
        found["without bias rate"] = recipe.changed(bias_rate=1.0)
    for part in dataclasses.fields(Augmentation):
        if getattr(recipe.augmentation, part.name):
            without = dataclasses.replace(recipe.augmentation, **{part.name: part.type(0)})
            found[f"without {part.name.replace('_', ' ')}"] = recipe.changed(augmentation=without)
    return found


class Quiet:
    """A listener that prints a line per epoch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None: ...

    def epoch_ended(self, record: EpochRecord) -> None:
        print(
            f"{self.name}: epoch {record.epoch} {record.validation_accuracy:.2%} ({record.seconds:.0f} s)", flush=True
        )

    def should_stop(self) -> bool:
        return False


def run(name: str, settings: RunSettings, dataset: Dataset, folder: Path) -> list[EpochRecord]:
    kept = training.read_history(folder)
    return training.train(settings, dataset, folder, Quiet(name), resume=bool(kept)).history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=sorted(ARCHITECTURES))
    parser.add_argument("--recipe", help="by default the architecture's own")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--limit", type=int, help="train on so many images")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each variant")
    parser.add_argument("--compute-dtype", choices=("float32", "mixed_bfloat16"), default="float32")
    options = parser.parse_args()
    require_tensorflow()

    architecture = find_architecture(options.architecture)
    recipe = find_recipe(options.recipe or architecture.recipe).changed(
        epochs=options.epochs, compute_dtype=options.compute_dtype
    )
    dataset = readers.load_dataset(options.data_dir)
    if options.limit:
        # All validation images are kept, because the variants differ little.
        dataset = dataclasses.replace(dataset, train=dataset.limited(options.limit).train)
    plans = {name: {"recipe": variant} for name, variant in variants(recipe).items()}
    if architecture.initialise:
        plans["without initialisation from the images"] = {"recipe": recipe, "initialise": False}

    root = Path("runs") / "ablation" / options.architecture
    results = {}
    for name, plan in plans.items():
        accuracies = []
        for seed in range(1, options.seeds + 1):
            folder = root / f"{name.replace(' ', '-')}-{options.epochs}-{options.limit}-{seed}"
            settings = RunSettings.for_dataset(
                dataset, name="ablation", architecture=options.architecture, seed=seed, **plan
            )
            accuracies.append(run(name, settings, dataset, folder)[-1].validation_accuracy)
        results[name] = accuracies
        (root / "results.json").write_text(json.dumps(results, indent=1))
    table = _table(results, len(dataset.selection.labels))
    (root / "results.md").write_text(table + "\n")
    print(table)


def _table(results: dict[str, list[float]], count: int) -> str:
    whole = statistics.mean(results["the whole recipe"])
    lines = ["| | validation accuracy | difference |", "| --- | --- | --- |"]
    for name, accuracies in results.items():
        mean = statistics.mean(accuracies)
        spread = f" (from {min(accuracies):.2%} to {max(accuracies):.2%})" if len(accuracies) > 1 else ""
        lines.append(f"| {name} | {mean:.2%}{spread} | {100 * (mean - whole):+.2f} points |")
    error = math.sqrt(whole * (1 - whole) / count)
    return "\n".join([*lines, "", f"Standard error of one accuracy on {count:,} images: {100 * error:.2f} points."])


if __name__ == "__main__":
    main()
