"""The optimizer and learning-rate schedule of a recipe, in pure Keras 3."""

from functools import cache
from typing import TYPE_CHECKING

from ml.training.recipes import Recipe

if TYPE_CHECKING:
    import keras

#: The name that Keras gives to the bias of batch normalisation.
_BIAS = "beta"


def optimizer(recipe: Recipe, steps_per_epoch: int) -> "keras.optimizers.Optimizer":
    """Return the recipe's optimizer for a run of all its epochs."""
    import keras

    schedule = _schedule(recipe, steps_per_epoch)
    shared = {
        "weight_decay": recipe.weight_decay or None,
        "use_ema": recipe.weight_average > 0,
        "ema_momentum": recipe.weight_average,
    }
    if recipe.optimizer == "adam":
        built = keras.optimizers.Adam(schedule, **shared)
    else:
        kind = keras.optimizers.SGD if recipe.bias_rate == 1 else _sgd_with_fast_biases(recipe.bias_rate)
        built = kind(schedule, momentum=recipe.momentum, nesterov=True, **shared)
    if recipe.weight_decay:
        built.exclude_from_weight_decay(var_names=["bias", "gamma", _BIAS])
    return built


def _schedule(recipe: Recipe, steps_per_epoch: int) -> "keras.optimizers.schedules.LearningRateSchedule":
    import keras

    total = recipe.epochs * steps_per_epoch
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch), total - 1)
    if recipe.schedule == "triangle":
        return _triangle()(recipe.learning_rate, warmup, total)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else recipe.learning_rate,
        decay_steps=total - warmup,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


@cache
def _triangle() -> type:
    import keras

    class Triangle(keras.optimizers.schedules.LearningRateSchedule):
        """A linear rise from zero to `peak` in `warmup` steps, then a linear fall to zero at step `total`."""

        def __init__(self, peak: float, warmup: int, total: int) -> None:
            self.peak, self.warmup, self.total = peak, warmup, total

        def __call__(self, step: "keras.KerasTensor") -> "keras.KerasTensor":
            step = keras.ops.cast(step, "float32")
            falling = (self.total - step) / (self.total - self.warmup)
            rising = step / max(self.warmup, 1)
            share = keras.ops.where(step < self.warmup, rising, falling)
            return self.peak * keras.ops.maximum(share, 0.0)

        def get_config(self) -> dict[str, float]:
            return {"peak": self.peak, "warmup": self.warmup, "total": self.total}

    return Triangle


@cache
def _sgd_with_fast_biases(rate: float) -> type:
    import keras

    class SgdWithFastBiases(keras.optimizers.SGD):
        """Biases of batch normalisation learn `rate` times as fast: for SGD, their gradient is multiplied."""

        def apply(self, grads: list, trainable_variables: list | None = None) -> None:
            variables = self._trainable_variables if trainable_variables is None else trainable_variables
            grads = [
                gradient * rate if variable.name == _BIAS else gradient for gradient, variable in zip(grads, variables)
            ]
            super().apply(grads, trainable_variables)

    return SgdWithFastBiases
