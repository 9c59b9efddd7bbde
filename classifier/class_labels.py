"""The class names as people read them; a name not listed here is shown as it is."""

from django.utils.translation import gettext_lazy as _

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
}


def class_label(name: str) -> str:
    return CLASS_LABELS.get(name, name)
