from dataclasses import asdict

import pytest

from benchmarks.ablation import variants
from ml.training.recipes import RECIPES, Recipe


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The settings in which two recipes differ, those of the augmentation one by one."""

    def flat(recipe: Recipe) -> dict:
        values = asdict(recipe)
        return {**values, **values.pop("augmentation"), "augmentation": None}

    left, right = flat(one), flat(other)
    return [name for name in left if left[name] != right[name]]


#: A linear head is fitted in one step, which has no parts to leave out.
_OF_PARTS = {name: recipe for name, recipe in RECIPES.items() if not recipe.head_only}


@pytest.mark.parametrize("recipe", _OF_PARTS.values(), ids=_OF_PARTS)
def test_every_variant_lacks_one_part_that_the_recipe_has(recipe):
    whole, *others = variants(recipe).items()
    assert whole == ("the whole recipe", recipe)
    lacking = [differences(recipe, variant) for _, variant in others]
    assert all(len(parts) == 1 for parts in lacking)
    assert len({parts[0] for parts in lacking}) == len(others) > 0


def test_a_variant_is_named_by_what_it_lacks():
    found = variants(RECIPES["adam_mixup"])
    assert found["without mixup"].mixup == 0
    assert found["without horizontal flip"].augmentation.horizontal_flip is False
    assert "without label smoothing" not in found
