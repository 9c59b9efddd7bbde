"""Leftovers of killed commands: half-written models and half-restored sites."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.db import connection
from django.utils import timezone

from classifier.models import ModelVersion
from classifier.services.operations.sweep import OLD, Orphan
from classifier.storages import model_folders
from ml.artifacts import folder as artifacts
from ml.filesystem import unfinished

if TYPE_CHECKING:
    from django.db.backends.sqlite3.base import DatabaseWrapper


def database_folder() -> Path:
    """The place for the site's database, or for a copy of another kind of database."""
    if connection.vendor == "sqlite" and not cast("DatabaseWrapper", connection).is_in_memory_db():
        return Path(connection.settings_dict["NAME"]).absolute().parent
    return Path(tempfile.gettempdir())


def leftovers() -> Iterator[Path]:
    """Find files that no living process writes any more. The next backup removes those beside an archive."""
    models = Path(settings.MODELS_DIR)
    networks = [folder / name for folder in artifacts.model_folders(models) for name in _parts(folder)]
    for folder in dict.fromkeys([models, *networks, database_folder()]):
        yield from unfinished.abandoned(folder)


def sweep_model_files(*, older_than: timedelta = OLD, dry_run: bool = False) -> Iterator[Orphan]:
    """Remove the stored files of models without a version, and yield them: one is published files first, row last.

    Raises OSError or DatabaseError.
    """
    limit = timezone.now() - older_than
    for digest, files in model_folders.stored_files():
        if max(file.modified for file in files) < limit and not ModelVersion.every.filter(digest=digest).exists():
            if not dry_run:
                model_folders.unshare(digest)
            yield from (Orphan(file.name, file.size) for file in files)


def _parts(folder: Path) -> list[str]:
    return ["", *(path.parent.name for path in folder.glob(f"*/{artifacts.CARD_FILE}"))]
