"""Signal handlers: consequences of events from pages, admin, commands and cascades."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from classifier.models import Job, Upload
from classifier.services.models.publishing import register_shipped
from classifier.services.operations.file_deletion import delete_file
from ml.artifacts.folder import ArtifactError

if TYPE_CHECKING:
    from django.db.backends.sqlite3.base import DatabaseWrapper

logger = logging.getLogger(__name__)


def register_shipped_models(sender, using: str, plan: Sequence[tuple] = (), **kwargs) -> None:
    """After `migrate`, register the models that come with the code, and activate one if none is active.

    A database that was migrated to an earlier version of the app has other columns, so nothing is registered.
    """
    if plan and _is_behind(using):
        return
    try:
        for version in register_shipped():
            logger.info("Registered the model %s", version)
    except ArtifactError as error:
        logger.error("A shipped model was not registered: %s", error)


def _is_behind(using: str) -> bool:
    executor = MigrationExecutor(connections[using])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes("classifier")))


@receiver(pre_delete, sender=Upload)
def notice_working_copy(sender, instance: Upload, **kwargs) -> None:
    """A page may have stored the working copy after this instance was read."""
    if not instance.working_copy:
        stored = Upload.objects.filter(pk=instance.pk).values_list("working_copy", flat=True)
        instance.working_copy.name = stored.first() or ""


@receiver(post_delete, sender=Upload)
def delete_upload_files(sender, instance: Upload, **kwargs) -> None:
    """The files of a deleted upload go once its deletion is certain."""
    for name in (instance.file.name, instance.thumbnail.name, instance.working_copy.name):
        if name:
            transaction.on_commit(partial(delete_file, name))


@receiver(post_delete, sender=Job)
def delete_job_files(sender, instance: Job, **kwargs) -> None:
    """An archive and an export go with their job."""
    for name in (instance.file.name, instance.result.name):
        if name:
            transaction.on_commit(partial(delete_file, name))


def make_database_private(connection: BaseDatabaseWrapper, **rest: Any) -> None:
    """Restrict SQLite's files to the site's own user: they contain sessions and everybody's uploads."""
    if connection.vendor != "sqlite" or cast("DatabaseWrapper", connection).is_in_memory_db():
        return
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{connection.settings_dict['NAME']}{suffix}")
        # Another user's file, or a file system without modes: access is decided elsewhere.
        with suppress(OSError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)
