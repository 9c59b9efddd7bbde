"""Back up a running site: its database, uploads and models in one archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from classifier.models import ModelVersion, Upload
from classifier.services.operations.archive import MANIFEST, ArchiveWriter, write_archive
from classifier.services.operations.manifest import FORMAT
from classifier.services.operations.snapshots import Snapshot, snapshot
from classifier.storages.model_folders import files_of, own_or_at_hand
from ml.filesystem import unfinished


@dataclass
class Backup:
    """The contents of an archive. lost: uploads whose files are missing; models_lost: versions whose folder is."""

    upload_count: int = 0
    model_folders: dict[str, str] = field(default_factory=dict)
    lost: list[UUID] = field(default_factory=list)
    models_lost: list[str] = field(default_factory=list)


def back_up(*, file: Path) -> Backup:
    """Write an archive in which every row has its files. Raises archive.ArchiveError, OSError or DatabaseError."""
    backup = Backup()
    beside = file.absolute().parent
    with unfinished.folder(beside, "backup") as folder, write_archive(file.absolute()) as archive:
        # The database first: its rows have their files, unless they are deleted in the meantime.
        with snapshot(folder) as copy:
            archive.add_file(f"database/{copy.path.name}", copy.path)
            migrations = sorted(MigrationRecorder(connections[copy.alias]).applied_migrations())
            missing = [*_add_uploads(archive, copy, backup)]
            _add_models(archive, copy, backup)
        backup.lost = [*Upload.objects.filter(pk__in=missing).values_list("pk", flat=True)]
        manifest = {
            "format": FORMAT,
            "created_at": timezone.now().isoformat(),
            "database": connection.vendor,
            "migrations": migrations,
            "uploads": backup.upload_count,
            # Their rows are in the snapshot without files; deleted uploads must not come back from an archive.
            "deleted_meanwhile": sorted(str(pk) for pk in {*missing} - {*backup.lost}),
            "model_folders": backup.model_folders,
        }
        archive.add(MANIFEST, json.dumps(manifest, indent=1).encode())
    return backup


def _add_uploads(archive: ArchiveWriter, copy: Snapshot, backup: Backup) -> Iterator[UUID]:
    """Add the files of the snapshot's rows; yield the rows with a missing file."""
    rows = Upload.objects.using(copy.alias).order_by("pk").values_list("pk", "file", "thumbnail")
    for upload_id, *names in rows.iterator():
        try:
            # Read whole, so that a file deleted in between leaves no half; uploads are limited in size.
            contents = {name: _content(name) for name in names}
        except FileNotFoundError:
            yield upload_id
            continue
        for name, content in contents.items():
            archive.add(f"media/{name}", content)
        backup.upload_count += 1


def _content(name: str) -> bytes:
    with default_storage.open(name) as opened:
        return opened.read()


def _add_models(archive: ArchiveWriter, copy: Snapshot, backup: Backup) -> None:
    # The database may be older than the code: a backup before `migrate` reads no column that is new.
    versions = ModelVersion.every.using(copy.alias).exclude(folder="").only("name", "number", "folder", "digest")
    for version in versions.order_by("pk"):
        if version.folder in backup.model_folders:
            continue
        folder = own_or_at_hand(version.path, version.digest)
        if not folder.is_dir():
            backup.models_lost.append(f"{version.name} v{version.number}")
            continue
        # Models elsewhere on this machine are stored beside the others.
        place = f"{version.name}-v{version.number}" if Path(version.folder).is_absolute() else version.folder
        backup.model_folders[version.folder] = place
        for path in files_of(folder):
            archive.add_file(f"models/{place}/{path.relative_to(folder).as_posix()}", path)
