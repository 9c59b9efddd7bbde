"""The settings of a training, by name, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_LABELS = {
    "name": gettext_lazy("Recipe"),
    "epochs": gettext_lazy("Epochs"),
    "batch_size": gettext_lazy("Batch size"),
    "optimizer": gettext_lazy("Optimizer"),
    "learning_rate": gettext_lazy("Learning rate"),
    "warmup_epochs": gettext_lazy("Warm-up epochs"),
    "schedule": gettext_lazy("Schedule"),
    "momentum": gettext_lazy("Momentum"),
    "bias_rate": gettext_lazy("Learning rate of batch-norm biases, times"),
    "weight_decay": gettext_lazy("Weight decay"),
    "label_smoothing": gettext_lazy("Label smoothing"),
    "mixup": gettext_lazy("Mixup alpha"),
    "distillation": gettext_lazy("Distillation share"),
    "distillation_temperature": gettext_lazy("Distillation temperature"),
    "weight_average": gettext_lazy("Weight averaging decay"),
    "compute_dtype": gettext_lazy("Arithmetic"),
    "head_only": gettext_lazy("Last layer only"),
    "rotation_degrees": gettext_lazy("Rotation, degrees"),
    "shift_fraction": gettext_lazy("Shift, of the side"),
    "zoom_fraction": gettext_lazy("Zoom"),
    "stretch_fraction": gettext_lazy("Stretch"),
    "horizontal_flip": gettext_lazy("Horizontal flip"),
    "alternating_flip": gettext_lazy("Horizontal flip in every second epoch"),
    "colour_fraction": gettext_lazy("Brightness, contrast and saturation"),
    "random_operation": gettext_lazy("TrivialAugment strength"),
    "blur_radius": gettext_lazy("Blur radius, pixels"),
    "jpeg_quality": gettext_lazy("JPEG quality, at least"),
    "cutout_fraction": gettext_lazy("Cutout, of the side"),
}
#: These have no effect at this value.
_OFF = {"bias_rate": 1.0}
#: These matter only with another setting.
_ONLY_WITH = {"momentum": ("optimizer", "sgd"), "distillation_temperature": ("distillation", None)}


def training_settings(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings in use of a recipe (`ml.training.recipes.Recipe.as_dict`) by their label, in a fixed order.

    Settings that change nothing, such as a weight decay of zero, are left out.
    """
    flat = {**recipe, **recipe.get("augmentation", {})}
    return {str(_LABELS[name]): _value(flat[name]) for name in _LABELS if name in flat and _is_used(name, flat)}


def _is_used(name: str, settings: Mapping[str, Any]) -> bool:
    if name in _ONLY_WITH:
        other, value = _ONLY_WITH[name]
        if settings.get(other) != value if value else not settings.get(other):
            return False
    return bool(settings[name]) and settings[name] != _OFF.get(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes")
    if isinstance(value, float):
        return number_format(f"{value:.6g}" if abs(value) >= 1e-4 else f"{value:.10f}".rstrip("0"))
    return str(value)
