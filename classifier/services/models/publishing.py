"""Publish, activate, roll back and delete model versions."""

import logging
import shutil
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.utils import timezone

from classifier.models import Activation, ModelVersion, TrainingRun
from classifier.storages import model_folders
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError
from ml.artifacts.inspection import inspect

logger = logging.getLogger(__name__)

#: The models in ml/trained that came with the code.
SHIPPED = frozenset({"cifar10_duo", "student_cnn"})


class NothingBefore(Exception):
    """There is no earlier model to roll back to."""

    def __init__(self) -> None:
        super().__init__("No model answered before the active one: there is nothing to go back to.")


class ModelInUse(Exception):
    """A model cannot be deleted; the message says why."""


def publish(*, folder: Path, training_run: TrainingRun | None = None, activate: bool = False) -> ModelVersion:
    """Inspect a model folder and return its row, made if there is none yet. Raises ArtifactError."""
    card = inspect(folder)
    # The files first and the row last: no machine is to look for a model that is not there.
    if not _is_shipped(folder):
        model_folders.share(folder, card.digest)
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
            make_active(version=version)
    return version


def activate_version(*, version: ModelVersion, user: User | None = None) -> None:
    """Activate this version, if its folder is unchanged since publication. Raises ArtifactError."""
    verified_folder(version)
    make_active(version=version, user=user)


def make_active(*, version: ModelVersion, user: User | None = None) -> None:
    """Activate a version whose folder was just inspected; every process notices by itself."""
    with transaction.atomic():
        if not _active_locked(version):
            _switch_to(version, user)


def roll_back(*, user: User | None = None) -> ModelVersion:
    """Activate the previously active version and return it; a second call goes back one more.

    Raises NothingBefore, or ArtifactError when its folder is no longer what was published.
    """
    before = _answered_before()
    if before is None:
        raise NothingBefore
    # Outside the transaction: hashing a model takes a while, and SQLite would block uploads for as long.
    verified_folder(before)
    with transaction.atomic():
        _active_locked(before)
        _switch_to(before, user, rollback=True)
    return before


def _answered_before() -> ModelVersion | None:
    """The target of a rollback: the version replaced by the last activation that was not undone."""
    stack: list[ModelVersion] = []
    for activation in Activation.objects.select_related("version").order_by("id"):
        if activation.rollback and activation.version in stack:
            while stack[-1] != activation.version:
                stack.pop()
        elif activation.version not in stack[-1:]:
            stack.append(activation.version)
    return stack[-2] if len(stack) > 1 else None


def _active_locked(version: ModelVersion) -> bool:
    """Whether this version is active; locks the answer until the transaction ends."""
    active = list(ModelVersion.objects.select_for_update().filter(active=True).only("pk"))
    return active == [version]


def _switch_to(version: ModelVersion, user: User | None, *, rollback: bool = False) -> None:
    ModelVersion.objects.filter(active=True).exclude(pk=version.pk).update(active=False)
    version.active = True
    version.activated_at = timezone.now()
    version.save(update_fields=["active", "activated_at"])
    Activation.objects.create(version=version, user=user, rollback=rollback)


def delete_version(*, version: ModelVersion) -> None:
    """Delete a version and, where it lies in MODELS_DIR, its folder. Raises ModelInUse."""
    try:
        with transaction.atomic():
            if _active_locked(version):
                raise ModelInUse(f"{version} is active. Activate another model first.")
            if count := version.predictions.count():
                raise ModelInUse(f"{version} has {count} predictions, which refer to it. It was not deleted.")
            transaction.on_commit(partial(_remove_files, version.path, version.digest))
            version.delete()
    except (ProtectedError, IntegrityError) as error:
        raise ModelInUse(f"{version} has just made a prediction. It was not deleted.") from error


def _remove_files(path: Path, digest: str) -> None:
    try:
        model_folders.unshare(digest)
    except OSError as error:
        logger.error("The files of a deleted model %s are left in the storage: %s", digest, error)
    if path.resolve().parent == Path(settings.MODELS_DIR).resolve():
        shutil.rmtree(path, ignore_errors=True)


def register_shipped() -> list[ModelVersion]:
    """Publish the models in MODELS_DIR that have no row yet. Raises ArtifactError.

    If none is active, one of several networks is activated, and of alike the one with the best validation accuracy; and
    a version replaces the active one whose folder's files it replaced.
    """
    folders = artifacts.model_folders(Path(settings.MODELS_DIR))
    known = set(ModelVersion.objects.values_list("digest", flat=True))
    published = [publish(folder=folder) for folder in folders if artifacts.load_card(folder).digest not in known]
    active = ModelVersion.objects.filter(active=True).first()
    for version in sorted(published, key=_rank, reverse=True):
        if active is None or version.folder == active.folder:
            make_active(version=version)
            active = version
    return published


def verified_folder(version: ModelVersion) -> Path:
    """Return a local folder of a version with the published files. Raises ArtifactError."""
    folder = model_folders.at_hand(version.path, version.digest)
    version.check_unchanged(inspect(folder))
    return folder


def find_folder(name: str) -> Path:
    """Resolve an undamaged model folder: a name in MODELS_DIR, a path, or a version such as name@2.

    Raises ArtifactError.
    """
    for folder in (Path(settings.MODELS_DIR) / name, Path(name)):
        if folder.is_dir():
            artifacts.verify(folder)
            return folder
    if "@" in name and (version := find_version(name)):
        return verified_folder(version)
    names = [folder.name for folder in artifacts.model_folders(Path(settings.MODELS_DIR))]
    raise ArtifactError(f"There is no model {name!r}. Available: {', '.join(names) or 'none'}.")


def free_folder(name: str) -> Path:
    """The folder for the next version of a model of this name: `name`, or `name-2` and so on."""
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
        versions = versions.filter(number=int(number)) if number.isdecimal() else versions.none()
    return versions.order_by("-number").first()


def _rank(version: ModelVersion) -> tuple[bool, float]:
    several = bool(version.card.get("networks"))
    return several, version.card["metrics"].get("validation", {}).get("accuracy", 0.0)


def _is_shipped(folder: Path) -> bool:
    """Whether the model came with the code, which every machine has."""
    trained = Path(settings.BASE_DIR) / "ml" / "trained"
    return folder.name in SHIPPED and folder.resolve().parent == trained.resolve()


def _relative(folder: Path) -> str:
    folder, models = folder.resolve(), Path(settings.MODELS_DIR).resolve()
    path = str(folder.relative_to(models) if folder.is_relative_to(models) else folder)
    most = ModelVersion._meta.get_field("folder").max_length
    if most is not None and len(path) > most:
        raise artifacts.ArtifactError(f"{path} is longer than {most} characters. Move the folder to {models}.")
    return path
