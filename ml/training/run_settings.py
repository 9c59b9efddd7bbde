"""The settings of a training run, saved beside its checkpoints."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml.data.dataset import Dataset
from ml.filesystem.durability import sync
from ml.networks.registry import find_architecture
from ml.training.recipes import Recipe
from ml.training.transfer import ModelSource

SETTINGS_FILE = "settings.json"


class SettingsError(ValueError):
    """The settings of a run contradict each other, or there are none; the message says what to do."""


@dataclass(frozen=True)
class RunSettings:
    """Everything that determines a run's result besides the code; `--resume` reads it back.

    initialise: whether to run the architecture's own initialisation, if any: from the training images, or with ImageNet
        weights.
    weights_file: the file of the latter, if not at its usual place.
    initial_weights: the trained model that the run starts from; None for random weights.
    teacher: the trained model whose predictions the recipe's distillation learns from.
    backend: the Keras backend that the run started on.
    skip_unreadable: whether files that cannot be read are left out.
    data_dir: the data set's folder, None for the default one; it does not affect the result.
    """

    name: str
    architecture: str
    recipe: Recipe
    seed: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    fingerprint: str
    limit: int | None = None
    initialise: bool = True
    weights_file: str | None = None
    initial_weights: ModelSource | None = None
    teacher: ModelSource | None = None
    backend: str = "tensorflow"
    data_dir: str | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        check_models(self.architecture, self.recipe, self.weights_file, self.initial_weights, self.teacher)

    @classmethod
    def for_dataset(cls, dataset: Dataset, **settings: Any) -> "RunSettings":
        """Return settings whose classes, image shape and fingerprint are those of the data set."""
        return cls(
            class_names=dataset.class_names,
            image_shape=dataset.image_shape,
            fingerprint=dataset.fingerprint,
            **settings,
        )

    def save(self, run_folder: Path) -> None:
        run_folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(run_folder / SETTINGS_FILE, json.dumps(asdict(self), indent=2))

    @classmethod
    def load(cls, run_folder: Path) -> "RunSettings":
        """Raise SettingsError when the folder contains no run."""
        try:
            values = json.loads((run_folder / SETTINGS_FILE).read_text())
        except FileNotFoundError:
            raise SettingsError(f"{run_folder} contains no run to resume: it has no {SETTINGS_FILE}.") from None
        values["recipe"] = Recipe.from_dict(values["recipe"])
        for name in ("class_names", "image_shape"):
            values[name] = tuple(values[name])
        for name in ("initial_weights", "teacher"):
            if values.get(name):
                values[name] = ModelSource(**values[name])
        return cls(**values)


def check_models(
    architecture: str,
    recipe: Recipe,
    weights_file: str | None,
    initial_weights: ModelSource | None,
    teacher: ModelSource | None,
) -> None:
    """Raise SettingsError if a run of this architecture and recipe cannot use these weights or this teacher."""
    if weights_file and not find_architecture(architecture).load_pretrained:
        raise SettingsError(
            f"There are no weights from ImageNet for a {architecture}: give --weights a trained model instead of "
            f"{weights_file}."
        )
    if initial_weights and initial_weights.architecture != architecture:
        raise SettingsError(
            f"{initial_weights.name} is a {initial_weights.architecture}: its weights do not fit a {architecture}."
        )
    if recipe.head_only and not (initial_weights or find_architecture(architecture).load_pretrained):
        raise SettingsError(
            f"The recipe {recipe.name} needs a network that has learnt before: choose an --architecture that learnt "
            "on ImageNet, or give a trained model with --weights."
        )
    if recipe.distillation and not teacher:
        raise SettingsError(f"The recipe {recipe.name} needs a teacher. Name a trained model with --teacher.")
    if teacher and not recipe.distillation:
        raise SettingsError(
            f"The recipe {recipe.name} has no use for a teacher: leave out --teacher, or choose a --recipe with "
            "distillation."
        )


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)
