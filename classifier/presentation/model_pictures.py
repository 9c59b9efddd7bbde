"""The pictures in a model's folder: its plots, and the images of its mistakes."""

from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext_lazy as _
from PIL import Image

from classifier.models import ModelVersion
from classifier.storages.model_folders import own_or_at_hand
from ml.artifacts.mistakes import COLUMNS, Mistake, Mistakes

#: The plots of a model's folder, and what they show.
PLOTS = {
    "confusion": _("confusion matrix"),
    "reliability": _("reliability diagram"),
    "network": _("The network’s layers with their shapes and parameters"),
}
#: One picture has the images of all mistakes of a network; the page shows each image by itself.
MISTAKES = "mistakes"


@dataclass(frozen=True)
class Plot:
    """One picture: the network of the model that it is of, "" in a model of one; its name, a key of PLOTS; its size."""

    network: str
    name: str
    width: int
    height: int

    @classmethod
    def find(cls, version: ModelVersion, network: str, name: str) -> "Plot | None":
        """Return the picture, None where the folder has none that can be read."""
        path = _file(version, _path(network, name))
        try:
            with Image.open(path) as picture:
                return cls(network, name, *picture.size)
        except OSError:
            return None

    @property
    def description(self) -> str:
        return str(PLOTS[self.name])

    @property
    def path(self) -> str:
        """The path in the model's folder and in addresses, without its suffix."""
        return _path(self.network, self.name)


@dataclass(frozen=True)
class ShownMistake:
    """One of a network's mistakes. stored: all of them, with the size of their images."""

    network: str
    stored: Mistakes
    mistake: Mistake
    class_names: tuple[str, ...]

    @property
    def path(self) -> str:
        return _path(self.network, MISTAKES)

    @property
    def view_box(self) -> str:
        """The part of the picture that is this image."""
        return f"{self.mistake.left} {self.mistake.top} {self.stored.width} {self.stored.height}"

    @property
    def whole_size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        rows = -(-len(self.stored.items) // COLUMNS)
        return COLUMNS * self.stored.width, rows * self.stored.height

    @property
    def true(self) -> str:
        return self.class_names[self.mistake.true]

    @property
    def predicted(self) -> str:
        return self.class_names[self.mistake.predicted]


def picture_file(version: ModelVersion, path: str) -> Path | None:
    """The file of one of a version's pictures; None where there is none of that name."""
    network, _slash, name = path.rpartition("/")
    if name not in (*PLOTS, MISTAKES) or network not in version.whole_card.network_folders:
        return None
    file = _file(version, path)
    return file if file.is_file() else None


def _path(network: str, name: str) -> str:
    return f"{network}/{name}" if network else name


def _file(version: ModelVersion, path: str) -> Path:
    return own_or_at_hand(version.path, version.digest) / f"{path}.png"
