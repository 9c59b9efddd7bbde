"""The example images on the home page."""

from pathlib import Path

from django.core.files import File
from django.core.files.base import ContentFile
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: The names of the examples in their order, and their labels.
EXAMPLES: dict[str, Promise] = {
    "ship": _("Ship"),
    "airplane": _("Airplane"),
    "automobile": _("Automobile"),
    "truck": _("Truck"),
    "frog": _("Frog"),
    "bird": _("Bird"),
    "teapot": _("Teapot"),
}
#: Their folder in the static files.
EXAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "static" / "classifier" / "examples"
#: The same, for the page to show.
SMALL_EXAMPLES_FOLDER = EXAMPLES_FOLDER.parent / "examples_small"


def example_file(name: str) -> File:
    """Return the file of one of EXAMPLES, as if it had been uploaded."""
    path = EXAMPLES_FOLDER / f"{name}.jpg"
    return ContentFile(path.read_bytes(), path.name)
