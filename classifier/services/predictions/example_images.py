"""The example images on the home page."""

from pathlib import Path

from django.core.files import File
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from classifier.services.predictions.intake import SubmittedImage, read_image

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


def read_example(name: str) -> SubmittedImage:
    """Read one of EXAMPLES as an upload."""
    with (EXAMPLES_FOLDER / f"{name}.jpg").open("rb") as file:
        return read_image(File(file))
