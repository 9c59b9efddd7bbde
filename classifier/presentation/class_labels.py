"""Translated labels of classes and networks; other names are shown as they are."""

from django.utils.translation import gettext_lazy as _

from ml.classes import NONE_CLASS
from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS

CLASS_LABELS = {
    "airplane": _("Airplane"),
    "automobile": _("Automobile"),
    "bird": _("Bird"),
    "cat": _("Cat"),
    "deer": _("Deer"),
    "dog": _("Dog"),
    "frog": _("Frog"),
    "horse": _("Horse"),
    "ship": _("Ship"),
    "truck": _("Truck"),
    NONE_CLASS: _("None of the classes"),
}
_NETWORK_LABELS = {
    THUMBNAILS: _("thumbnail network"),
    PHOTOGRAPHS: _("photo network"),
}


def class_label(name: str) -> str:
    return str(CLASS_LABELS.get(name, name))


def network_label(name: str) -> str:
    """The label of one of a model's networks."""
    return str(_NETWORK_LABELS.get(name, name))


def class_label_within(name: str) -> str:
    """The label as it stands within a sentence; a person's own class keeps its capitals."""
    return str(CLASS_LABELS[name]).lower() if name in CLASS_LABELS else name
