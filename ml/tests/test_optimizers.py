import numpy as np
import pytest

from ml.tests.factories import tiny_recipe
from ml.training.optimizers import optimizer


def variable(value: float, name: str):
    import keras

    return keras.Variable(np.float32([value]), name=name)


def moved(recipe, *, gradient: float = 1.0, steps: int = 3) -> dict[str, float]:
    """Where a kernel and a batch normalisation's bias have moved to, from 1, by a constant gradient."""
    import keras

    variables = [variable(1.0, "kernel"), variable(1.0, "beta")]
    built = optimizer(recipe, steps_per_epoch=10)
    built.build(variables)
    for _ in range(steps):
        built.apply([keras.ops.convert_to_tensor(np.float32([gradient]))] * 2, variables)
    return {one.name: float(keras.ops.convert_to_numpy(one)[0]) for one in variables}


def schedule(recipe) -> list[float]:
    """The learning rate before each of the run's thirty steps, and after the last."""
    found, built = [], optimizer(recipe, steps_per_epoch=10)
    for step in range(31):
        built.iterations.assign(step)
        found.append(float(built.learning_rate))
    return found


def test_triangle_rises_along_a_line_to_its_peak_and_falls_along_another_to_zero():
    found = schedule(tiny_recipe(optimizer="sgd", schedule="triangle", learning_rate=0.3, warmup_epochs=1.0))
    assert found[:11] == pytest.approx(np.linspace(0, 0.3, 11))
    assert found[10:] == pytest.approx(np.linspace(0.3, 0, 21), abs=1e-7)


def test_triangle_without_warm_up_begins_at_its_peak():
    found = schedule(tiny_recipe(optimizer="sgd", schedule="triangle", learning_rate=0.3, warmup_epochs=0.0))
    assert found == pytest.approx(np.linspace(0.3, 0, 31), abs=1e-7)


def test_biases_of_batch_normalisation_learn_at_a_multiple_of_the_rate():
    slow, fast = (
        moved(tiny_recipe(optimizer="sgd", learning_rate=1e-3, weight_decay=0.0, bias_rate=rate))
        for rate in (1.0, 64.0)
    )
    assert slow["beta"] == slow["kernel"] == fast["kernel"] < 1
    assert 1 - fast["beta"] == pytest.approx(64 * (1 - slow["beta"]), rel=1e-3)


def test_momentum_is_the_recipes():
    steady, rolling = (
        1 - moved(tiny_recipe(optimizer="sgd", weight_decay=0.0, momentum=momentum))["kernel"]
        for momentum in (0.0, 0.9)
    )
    assert rolling > 1.5 * steady


@pytest.mark.parametrize("rate", [1.0, 64.0])
def test_weights_decay_and_biases_do_not(rate):
    found = moved(tiny_recipe(optimizer="sgd", weight_decay=0.5, bias_rate=rate), gradient=0.0)
    assert found["beta"] == 1
    assert found["kernel"] < 1
