import json

import pytest

from ml.data import augmentation
from ml.training.recipes import OPTIMIZERS, RECIPES, Recipe, UnknownRecipe, find_recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipe_survives_json(recipe):
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_recipes_go_by_their_names():
    assert all(find_recipe(name).name == name for name in RECIPES)


def test_changed_replaces_what_is_given_and_leaves_the_rest():
    recipe = find_recipe("student")
    changed = recipe.changed(epochs=2, batch_size=None, weight_decay=0.0)
    assert (changed.epochs, changed.batch_size, changed.weight_decay) == (2, recipe.batch_size, 0.0)
    assert changed.augmentation is augmentation.STUDENT
    assert recipe.epochs == 60


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": -1},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"mixup": -0.1},
        {"momentum": 1},
        {"momentum": -0.1},
        {"bias_rate": 0},
        {"weight_average": 1},
        {"weight_average": -0.1},
        {"weight_average": float("nan")},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least [01]|above 0"):
        find_recipe("student").changed(**wrong)


def test_unknown_optimizer_error_lists_the_names():
    with pytest.raises(ValueError, match="the optimizer must be one of") as caught:
        find_recipe("student").changed(optimizer="lion")
    assert all(name in str(caught.value) for name in OPTIMIZERS)


def test_unknown_schedule_error_lists_the_names():
    with pytest.raises(ValueError, match="the schedule must be one of: cosine, triangle"):
        find_recipe("student").changed(schedule="steps")


def test_rate_of_its_own_for_biases_needs_sgd():
    assert find_recipe("sgd_cosine").changed(bias_rate=64.0).bias_rate == 64
    with pytest.raises(ValueError, match="needs the optimizer sgd"):
        find_recipe("student").changed(bias_rate=64.0)


def test_recipe_of_an_older_card_has_todays_defaults():
    recipe = find_recipe("sgd_cosine")
    values = recipe.as_dict()
    for name in ("schedule", "momentum", "bias_rate"):
        del values[name]
    del values["augmentation"]["alternating_flip"]
    assert Recipe.from_dict(values) == recipe


def test_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="patience"):
        find_recipe("student").changed(patience=3)


def test_unknown_recipe_error_lists_the_names():
    with pytest.raises(UnknownRecipe, match="'sgd'") as caught:
        find_recipe("sgd")
    assert all(name in str(caught.value) for name in RECIPES)
