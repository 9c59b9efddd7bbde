"""Named ways to train: every hyper-parameter of a run but its seed, in one frozen value."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ml import augmentation
from ml.augmentation import Augmentation


class UnknownRecipe(ValueError):
    """No recipe has this name."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one training run.

    learning_rate: the peak, reached by a linear warm-up and left by a cosine decay to zero
        (Loshchilov and Hutter 2017).
    weight_decay: decoupled from the gradient; kernels only, no biases and no batch-norm scales.
    label_smoothing: the share of each target spread over all classes (Szegedy et al. 2016).
    compute_dtype: `float32`, or `mixed_bfloat16` where the processor has instructions for it; weights stay float32.
    """

    name: str
    epochs: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    warmup_epochs: float = 2.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: Augmentation = field(default=augmentation.NONE)
    compute_dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError("the learning rate must be above 0")

    def changed(self, **settings: Any) -> "Recipe":
        """Return this recipe with the settings that are not None put in its place."""
        return replace(self, **{name: value for name, value in settings.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        return cls(**{**values, "augmentation": Augmentation(**values["augmentation"])})


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="adam_cosine",
            epochs=60,
            weight_decay=0.05,
            label_smoothing=0.05,
            augmentation=augmentation.CROP_FLIP_CUTOUT,
        ),
        Recipe(
            name="student",
            epochs=60,
            augmentation=augmentation.STUDENT,
        ),
    )
}

DEFAULT_RECIPE = "adam_cosine"


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name; raise UnknownRecipe, which lists the names there are."""
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownRecipe(f"There is no recipe {name!r}. Choose one of: {', '.join(sorted(RECIPES))}.") from None
