"""A site as an archive has it. The archive is checked to its end before anything of the site is touched."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.loader import MigrationLoader

from classifier.models import ModelVersion, Upload
from classifier.services.archive import MANIFEST, ArchiveError, read_archive
from classifier.services.backup import FORMAT
from classifier.services.snapshots import prepare, replacement
from classifier.services.sweep import sweep
from ml import artifacts


class SiteNotEmpty(Exception):
    """There is something that restoring would replace."""


@dataclass
class _Checked:
    """What is known of a whole archive. sums: the SHA-256 of every file below its folder of models."""

    manifest: dict = field(default_factory=dict)
    database: Path | None = None
    sums: dict[str, str] = field(default_factory=dict)

    def files_of(self, folder: str) -> dict[str, str]:
        return {name: sha256 for name, sha256 in self.sums.items() if name.startswith(f"{folder}/")}


def restore(*, file: Path, force: bool = False) -> dict:
    """Make this site what the archive has, and return the archive's manifest.

    Files come first and the database last: a restoration that is killed leaves the database as it was, and files that
    `sweep` removes. force: replace what there is. Raises SiteNotEmpty, archive.ArchiveError, OSError or DatabaseError.
    """
    if not (force or _is_empty()):
        raise SiteNotEmpty
    with _folder_for_database() as folder:
        checked = _check(file, folder)
        prepare(checked.database)
        _put_files(file, checked)
        with replacement(checked.database) as alias:
            _adjust(checked.manifest, alias)
    for _found in sweep():
        pass  # files of what was there before
    return checked.manifest


def _is_empty() -> bool:
    try:
        return not (Upload.objects.exists() or get_user_model().objects.exists())
    except (OperationalError, ProgrammingError):
        return True  # no tables yet


@contextmanager
def _folder_for_database() -> Iterator[Path]:
    beside = Path(connection.settings_dict["NAME"]).absolute().parent if connection.vendor == "sqlite" else None
    with tempfile.TemporaryDirectory(dir=beside, prefix=".restore-") as folder:
        yield Path(folder)


def _check(file: Path, folder: Path) -> _Checked:
    """Read an archive to its end; its database is then a file in the folder. Raises ArchiveError."""
    checked = _Checked()
    for name, content in read_archive(file):
        top, _slash, rest = name.partition("/")
        if name == MANIFEST:
            checked.manifest = json.load(content)
        elif top == "database":
            checked.database = folder / rest
            with checked.database.open("wb") as opened:
                shutil.copyfileobj(content, opened)
        elif top == "models":
            checked.sums[rest] = hashlib.sha256(content.read()).hexdigest()
    if not checked.manifest or checked.database is None:
        raise ArchiveError("The archive holds no whole site. Use another one.")
    _check_manifest(checked.manifest)
    return checked


def _check_manifest(manifest: dict) -> None:
    known = {*MigrationLoader(None).disk_migrations}
    newer = sorted({tuple(migration) for migration in manifest["migrations"]} - known)
    if manifest["format"] > FORMAT or newer:
        what = f" (its database has {'.'.join(newer[-1])})" if newer else ""
        raise ArchiveError(f"The archive was made by a newer version of the site{what}. Install that one and retry.")
    if manifest["database"] != connection.vendor:
        raise ArchiveError(
            f"The archive has a database of the kind {manifest['database']}, this site one of the kind "
            f"{connection.vendor}. Set DATABASE_URL to one of the archive's kind."
        )


def _put_files(file: Path, checked: _Checked) -> None:
    """Store uploads and models; models that are there already are not touched. Raises ArchiveError or OSError."""
    models = Path(settings.MODELS_DIR)
    wanted = [folder for folder in checked.manifest["model_folders"].values() if not _is_there(models, checked, folder)]
    with ExitStack() as stack:
        aside = None
        if wanted:
            models.mkdir(parents=True, exist_ok=True)
            aside = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=models, prefix=".restore-")))
        for name, content in read_archive(file):
            top, _slash, rest = name.partition("/")
            if top == "media":
                _put_upload(rest, content.read())
            elif top == "models" and any(rest.startswith(f"{folder}/") for folder in wanted):
                path = aside / "new" / rest
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
        for folder in wanted:
            _exchange(models / folder, aside / "new" / folder, aside / "old" / folder)


def _is_there(models: Path, checked: _Checked, folder: str) -> bool:
    files = checked.files_of(folder)
    if not files:
        raise ArchiveError(f"The archive's list names a model {folder!r} that is not in it.")
    paths = {models / name: sha256 for name, sha256 in files.items()}
    return all(path.is_file() and artifacts.sha256(path) == sha256 for path, sha256 in paths.items())


def _exchange(place: Path, new: Path, old: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        old.parent.mkdir(parents=True, exist_ok=True)
        place.rename(old)
    new.rename(place)


def _put_upload(name: str, content: bytes) -> None:
    if default_storage.exists(name):
        with default_storage.open(name) as opened:
            if opened.read() == content:
                return
        default_storage.delete(name)
    stored = default_storage.save(name, ContentFile(content))
    if stored != name:
        raise ArchiveError(f"{name} could only be stored as {stored}.")


def _adjust(manifest: dict, alias: str) -> None:
    """Take away the rows whose files were deleted during the backup, and find models where they are now."""
    Upload.objects.using(alias).filter(pk__in=manifest["deleted_meanwhile"]).delete()
    # An archive holds no working copies: the first page that needs one makes it from the original.
    Upload.objects.using(alias).exclude(working_copy="").update(working_copy="")
    for before, now in manifest["model_folders"].items():
        if before != now:
            ModelVersion.objects.using(alias).filter(folder=before).update(folder=now)
