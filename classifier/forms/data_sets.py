"""The data sets from which staff choose: CIFAR-10, and the folders of images in DATASETS_DIR."""

from pathlib import Path

from django.conf import settings


def data_sets() -> list[tuple[str, str]]:
    """The choices of a field; empty is CIFAR-10."""
    folder = Path(settings.DATASETS_DIR)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [("", "CIFAR-10"), *((name, name) for name in names if not name.startswith("."))]


def data_dir_of(choice: str) -> str | None:
    """The folder of a choice; None for CIFAR-10, which is downloaded, or found by CIFAR10_DIR."""
    return str(Path(settings.DATASETS_DIR) / choice) if choice else None
