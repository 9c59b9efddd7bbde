"""The form that starts a training."""

from functools import partial

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from classifier.forms.data_sets import data_dir_of, data_sets
from classifier.services.jobs.failures import JobError, explain_failure
from ml.networks.registry import ARCHITECTURES, DEFAULT_ARCHITECTURE, find_architecture
from ml.training.recipes import RECIPES

_SELECT, _NUMBER = {"class": "form-select"}, {"class": "form-control"}
_MOST_EPOCHS, _LARGEST_BATCH, _HIGHEST_RATE, _HIGHEST_SEED = 10_000, 65_536, 100.0, 2**31 - 1


def _recipes() -> list[tuple[str, str]]:
    # Distillation needs a teacher, which the command takes and this form does not.
    return [
        ("", gettext("the architecture's own")),
        *((name, name) for name, one in RECIPES.items() if not one.distillation),
    ]


#: A whole number that may be left to the recipe.
_count_of_the_recipe = partial(
    forms.IntegerField,
    required=False,
    min_value=1,
    widget=forms.NumberInput(attrs=_NUMBER),
    help_text=_("Empty: the recipe's."),
)


class TrainingForm(forms.Form):
    """A run of `manage.py train`. Empty numbers are the recipe's."""

    dataset = forms.ChoiceField(
        label=_("Data set"), required=False, choices=data_sets, widget=forms.Select(attrs=_SELECT)
    )
    architecture = forms.ChoiceField(
        label=_("Architecture"),
        choices=[(name, name) for name in sorted(ARCHITECTURES)],
        initial=DEFAULT_ARCHITECTURE,
        widget=forms.Select(attrs=_SELECT),
    )
    recipe = forms.ChoiceField(label=_("Recipe"), required=False, choices=_recipes, widget=forms.Select(attrs=_SELECT))
    epochs = _count_of_the_recipe(label=_("Epochs"), max_value=_MOST_EPOCHS)
    batch_size = _count_of_the_recipe(label=_("Batch size"), max_value=_LARGEST_BATCH)
    learning_rate = forms.FloatField(
        label=_("Learning rate"),
        required=False,
        min_value=0,
        max_value=_HIGHEST_RATE,
        widget=forms.NumberInput(attrs={**_NUMBER, "step": "any"}),
        help_text=_("Empty: the recipe's."),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=_HIGHEST_SEED,
        initial=1,
        widget=forms.NumberInput(attrs=_NUMBER),
    )

    def clean_learning_rate(self) -> float | None:
        rate = self.cleaned_data["learning_rate"]
        if rate is not None and not rate > 0:
            raise ValidationError(_("The learning rate must be greater than 0."), code="min_value")
        return rate

    def clean(self) -> dict:
        cleaned = super().clean() or self.cleaned_data
        recipe = RECIPES.get(cleaned.get("recipe", ""))
        architecture = cleaned.get("architecture")
        if recipe and recipe.head_only and architecture and not find_architecture(architecture).load_pretrained:
            text = _("This recipe trains the last layer only. Choose an architecture with weights from ImageNet.")
            self.add_error("recipe", ValidationError(text, code="recipe_without_weights"))
        return cleaned

    def refuse(self, error: JobError) -> None:
        self.add_error(None, ValidationError(explain_failure(error.code, error.values), code=error.code))

    @property
    def options(self) -> dict[str, str | int | float | None]:
        """What was chosen, as options of the command."""
        options = dict(self.cleaned_data)
        dataset = options.pop("dataset")
        return options | {"data_dir": data_dir_of(dataset)}
