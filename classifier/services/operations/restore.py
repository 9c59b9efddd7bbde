"""Restore a site from an archive, which is checked to its end before anything changes."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import OperationalError, ProgrammingError, connection
from django.utils import timezone

from classifier.models import Job, JobPart, ModelVersion, Upload
from classifier.services.operations.archive import MANIFEST, ArchiveError, read_archive
from classifier.services.operations.leftovers import database_folder
from classifier.services.operations.manifest import Manifest, read_manifest
from classifier.services.operations.snapshots import DATABASES, is_inside, outside, prepare, replace_database
from classifier.services.operations.sweep import sweep
from ml.artifacts import folder as artifacts
from ml.filesystem import unfinished
from ml.filesystem.durability import sync, sync_tree

#: The columns of an upload whose files are in an archive.
_COLUMNS = ("file", "thumbnail")
_NO_SITE = "The archive is not a complete backup. Use another one."


class SiteNotEmpty(Exception):
    """Restoring would replace existing data."""


@dataclass
class _Checked:
    """The facts of a checked archive. sums: the SHA-256 of every file below its folder of models."""

    folder: Path
    found_manifest: Manifest | None = None
    databases: list[str] = field(default_factory=list)
    media: int = 0
    sums: dict[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> Manifest:
        """Raises ArchiveError where there is none."""
        if self.found_manifest is None:
            raise ArchiveError(_NO_SITE)
        return self.found_manifest

    @property
    def database(self) -> Path:
        return self.folder / DATABASES[connection.vendor]

    def files_of(self, folder: str) -> dict[str, str]:
        return {name: sha256 for name, sha256 in self.sums.items() if name.startswith(f"{folder}/")}


def restore(*, file: Path, force: bool = False) -> Manifest:
    """Restore the site from the archive, and return its manifest.

    Nothing is touched until all of the archive is known to be good. Then files come first and the database last: a
    restoration that is killed leaves the database as it was, and files that `sweep` removes. force: replace what there
    is. Raises SiteNotEmpty, archive.ArchiveError, OSError or DatabaseError.
    """
    if not (force or _is_empty()):
        raise SiteNotEmpty
    with unfinished.folder(database_folder(), "restore") as folder:
        # `folder` is locked by this process, and `migrate` locks the one that the database is in.
        inner = folder / "database"
        inner.mkdir()
        checked = _check(file, inner)
        adjust = partial(_adjust, checked.manifest)
        prepare(checked.database, adjust)
        _put_files(file, checked)
        replace_database(checked.database, adjust)
    for _found in sweep():
        pass  # files of what was there before
    return checked.manifest


def _is_empty() -> bool:
    try:
        return not (Upload.objects.exists() or get_user_model().objects.exists())
    except (OperationalError, ProgrammingError):
        return True  # no tables yet


def _check(file: Path, folder: Path) -> _Checked:
    """Read an archive to its end; its database is then a file in the folder. Raises ArchiveError."""
    checked = _Checked(folder)
    for name, content in read_archive(file):
        if not _take(checked, name, content):
            raise ArchiveError(f"The archive contains {name!r}, which is not part of a backup. Nothing was restored.")
    manifest = checked.manifest
    if not checked.database.exists():
        raise ArchiveError(_NO_SITE)
    if checked.media != len(_COLUMNS) * manifest.uploads:
        raise ArchiveError(
            f"The archive holds {checked.media:,} files of {manifest.uploads:,} uploads, and not {len(_COLUMNS)} of "
            "each. Nothing was restored."
        )
    for place in manifest.model_folders.values():
        if not checked.files_of(place):
            raise ArchiveError(f"The archive's list names a model {place!r} that is not in it. Nothing was restored.")
    return checked


def _take(checked: _Checked, name: str, content: BinaryIO) -> bool:
    """Record a member; False if it is not part of a backup, or a duplicate."""
    top, _slash, rest = name.partition("/")
    if name == MANIFEST and checked.found_manifest is None:
        checked.found_manifest = read_manifest(content)
    elif top == "database" and rest in DATABASES.values() and not checked.databases:
        checked.databases.append(rest)
        with (checked.folder / rest).open("wb") as opened:
            shutil.copyfileobj(content, opened)
    elif top == "models" and rest not in checked.sums:
        checked.sums[rest] = artifacts.sha256_of(content)
    elif top == "media" and is_inside(rest):
        checked.media += 1
    else:
        return False
    return True


def _put_files(file: Path, checked: _Checked) -> None:
    """Store uploads and models; models that are there already are not touched. Raises ArchiveError or OSError."""
    models = Path(settings.MODELS_DIR)
    wanted = [folder for folder in checked.manifest.model_folders.values() if not _is_there(models, checked, folder)]
    with ExitStack() as stack:
        aside = models  # of no use without wanted models
        if wanted:
            models.mkdir(parents=True, exist_ok=True)
            aside = stack.enter_context(unfinished.folder(models, "restore"))
        for name, content in read_archive(file):
            top, _slash, rest = name.partition("/")
            if top == "media":
                _put_upload(rest, content)
            elif top == "models" and any(rest.startswith(f"{folder}/") for folder in wanted):
                path = aside / "new" / rest
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as opened:
                    shutil.copyfileobj(content, opened)
        for folder in wanted:
            _exchange(models / folder, aside / "new" / folder, aside / "old" / folder)


def _is_there(models: Path, checked: _Checked, folder: str) -> bool:
    paths = {models / name: sha256 for name, sha256 in checked.files_of(folder).items()}
    return all(path.is_file() and artifacts.sha256(path) == sha256 for path, sha256 in paths.items())


def _exchange(place: Path, new: Path, old: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    sync_tree(new)
    if place.exists():
        old.parent.mkdir(parents=True, exist_ok=True)
        place.rename(old)
    new.rename(place)
    sync(place.parent)


def _put_upload(name: str, content: BinaryIO) -> None:
    # Not straight from the archive: some storages need the size, or read twice.
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(content, copy)
        if default_storage.exists(name):
            with default_storage.open(name) as opened:
                if _same(cast(BinaryIO, opened), copy):
                    return
            default_storage.delete(name)
        copy.seek(0)
        stored = default_storage.save(name, File(copy, name))
    if stored != name:
        raise ArchiveError(f"{name} could only be stored as {stored}.")


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    other.seek(0)
    return artifacts.sha256_of(one) == artifacts.sha256_of(other)


def _adjust(manifest: Manifest, alias: str) -> None:
    """Delete the rows whose files were deleted during the backup, and relocate models.

    Raises ArchiveError for a row whose files would lie elsewhere.
    """
    uploads = Upload.objects.using(alias)
    uploads.filter(pk__in=manifest.deleted_meanwhile).delete()
    # An archive contains no working copies: the first page that needs one makes it from the original.
    uploads.exclude(working_copy="").update(working_copy="")
    for row in uploads.order_by().values_list(*_COLUMNS).iterator():
        for name in filter(lambda name: not is_inside(name), row):
            raise outside(name)
    _end_jobs(alias)
    for version in ModelVersion.objects.using(alias).only("folder", "name", "number"):
        # A missing folder is expected beside the others.
        alone = f"{version.name}-v{version.number}" if Path(version.folder).is_absolute() else version.folder
        place = manifest.model_folders.get(version.folder, alone)
        if ".." in Path(place).parts:
            raise outside(place)
        if place != version.folder:
            ModelVersion.objects.using(alias).filter(pk=version.pk).update(folder=place)


def _end_jobs(alias: str) -> None:
    """Cancel the jobs that were unfinished: an archive contains neither the archives that they read nor exports."""
    jobs = Job.objects.using(alias)
    jobs.filter(state__in=Job.UNFINISHED).update(state=Job.State.CANCELLED, ended_at=timezone.now())
    jobs.exclude(file="", result="").update(file="", file_bytes=0, result="", result_bytes=0)
    JobPart.objects.using(alias).exclude(claim=None).update(claim=None, claimed_by="", lease_until=None)
