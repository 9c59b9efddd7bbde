"""Make a model folder known to the site, and decide which model answers."""

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from classifier.models import ModelVersion, TrainingRun
from ml import artifacts
from ml.artifacts import ArtifactError, Card


def publish(*, folder: Path, training_run: TrainingRun | None = None, activate: bool = False) -> ModelVersion:
    """Verify a model folder and return its row, made if there is none yet. Raises ml.artifacts.ArtifactError."""
    card = artifacts.verify(folder)
    with transaction.atomic():
        number = (ModelVersion.objects.filter(name=card.name).aggregate(last=Max("number"))["last"] or 0) + 1
        version, _made = ModelVersion.objects.get_or_create(
            digest=card.digest,
            defaults={
                "name": card.name,
                "number": number,
                "folder": _relative(folder),
                "card": card.as_dict(),
                "training_run": training_run,
            },
        )
        if activate:
            activate_version(version=version)
    return version


def activate_version(*, version: ModelVersion) -> None:
    """Make this version the one that answers; every process notices by itself."""
    with transaction.atomic():
        ModelVersion.objects.filter(active=True).exclude(pk=version.pk).update(active=False)
        version.active = True
        version.activated_at = timezone.now()
        version.save(update_fields=["active", "activated_at"])


def register_shipped() -> list[ModelVersion]:
    """Publish the models in MODELS_DIR that have no row yet. Raises ArtifactError.

    If none is active, one of several networks is activated, and of alike the one with the best validation accuracy; and
    a version takes over from the active one whose folder's files it has replaced.
    """
    folders = artifacts.model_folders(Path(settings.MODELS_DIR))
    known = set(ModelVersion.objects.values_list("digest", flat=True))
    published = [publish(folder=folder) for folder in folders if artifacts.load_card(folder).digest not in known]
    active = ModelVersion.objects.filter(active=True).first()
    for version in sorted(published, key=_rank, reverse=True):
        if active is None or version.folder == active.folder:
            activate_version(version=version)
            active = version
    return published


def verified_folder(version: ModelVersion) -> Path:
    """Return the folder of a version, whose files are those that were published. Raises ArtifactError."""
    check_unchanged(version, artifacts.verify(version.path))
    return version.path


def check_unchanged(version: ModelVersion, card: Card) -> None:
    """Raise ArtifactError when `card`, found in the version's folder, is not the one that was published."""
    if card.digest != version.digest:
        raise ArtifactError(f"{version.path} no longer holds the files that were published as {version}.")


def find_folder(name: str) -> Path:
    """Return the undamaged model folder that a person means: below MODELS_DIR, a path, or a version such as name@2.

    Raises ArtifactError.
    """
    for folder in (Path(settings.MODELS_DIR) / name, Path(name)):
        if folder.is_dir():
            artifacts.verify(folder)
            return folder
    if "@" in name and (version := find_version(name)):
        return verified_folder(version)
    names = [folder.name for folder in artifacts.model_folders(Path(settings.MODELS_DIR))]
    raise ArtifactError(f"There is no model {name!r}. There are: {', '.join(names) or 'none'}.")


def free_folder(name: str) -> Path:
    """Where the next version of a model of this name is to be written: `name`, or `name-2` and so on."""
    models = Path(settings.MODELS_DIR)
    folder, number = models / name, 1
    while folder.exists():
        number += 1
        folder = models / f"{name}-{number}"
    return folder


def find_version(name: str) -> ModelVersion | None:
    """The newest version of this name, or `name@3` for the third."""
    base, _, number = name.partition("@")
    versions = ModelVersion.objects.filter(name=base)
    if number:
        versions = versions.filter(number=int(number)) if number.isdigit() else versions.none()
    return versions.order_by("-number").first()


def _rank(version: ModelVersion) -> tuple[bool, float]:
    several = bool(version.card.get("networks"))
    return several, version.card["metrics"].get("validation", {}).get("accuracy", 0.0)


def _relative(folder: Path) -> str:
    folder, models = folder.resolve(), Path(settings.MODELS_DIR).resolve()
    return str(folder.relative_to(models) if folder.is_relative_to(models) else folder)
