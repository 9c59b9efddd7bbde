"""Find files without a row and rows without their files, left behind by a killed process or a lost disk.

Files and rows are looked at side by side, a 256th part at a time: a million of them need no more memory than that.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from classifier.models import Upload

#: A file gets its row within seconds, so an older file without one is an orphan.
OLD = timedelta(hours=1)
_FOLDERS = ("uploads", "thumbnails", "working_copies")
_COLUMNS = ("file", "thumbnail", "working_copy")
_PARTS = frozenset(f"{number:02x}" for number in range(256))
#: Names per query. Each query reads the whole table, because their columns have no index.
_BATCH = 400


class Orphan(NamedTuple):
    """A file that no row refers to; size in bytes."""

    name: str
    size: int


class Loss(NamedTuple):
    """An upload with missing files."""

    upload_id: UUID
    names: list[str]


def sweep(*, older_than: timedelta = OLD, dry_run: bool = False) -> Iterator[Orphan | Loss]:
    """Remove each file older than this that no row refers to, and yield it; yield each row whose files are missing.

    The site may keep running. dry_run: remove nothing. Raises OSError or DatabaseError.
    """
    limit = timezone.now() - older_than
    found: list[str] = []
    for part in _parts():
        # List the files first: files stored later have their row, or are younger than the limit.
        unclaimed, lost = _compare(part, _files(part))
        yield from filter(None, map(_loss, lost))
        found += [name for name in sorted(unclaimed) if _is_old(name, limit)]
        while len(found) >= _BATCH:
            yield from _remove(found[:_BATCH], limit, dry_run)
            found = found[_BATCH:]
    yield from _remove(found, limit, dry_run)


def _parts() -> list[str]:
    """The names of the folders with files, and "" for their parent."""
    listed = (_listing(folder)[0] for folder in _FOLDERS)
    return ["", *sorted(_PARTS.union(*listed))]


def _files(part: str) -> set[str]:
    places = [f"{folder}/{part}".rstrip("/") for folder in _FOLDERS]
    return {f"{place}/{name}" for place in places for name in _listing(place)[1]}


def _listing(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []


def _compare(part: str, files: set[str]) -> tuple[set[str], list[UUID]]:
    """Return the files without a row, and the rows without a file, in one part."""
    lost = []
    for upload_id, *names, copy in _rows(part).values_list("pk", *_COLUMNS).iterator():
        # A working copy is made again from the original.
        if not files.issuperset(names):
            lost.append(upload_id)
        files.difference_update(names)
        files.discard(copy)
    return files, lost


def _rows(part: str) -> QuerySet[Upload]:
    if part not in _PARTS:
        return Upload.objects.none()
    return Upload.objects.order_by("pk").filter(pk__range=(UUID(f"{part:0<32}"), UUID(f"{part:f<32}")))


def _loss(upload_id: UUID) -> Loss | None:
    """The missing files of an upload; None if there are none, or if it was deleted in between."""
    upload = Upload.objects.filter(pk=upload_id).first()
    missing = [name or "" for name in (upload.file.name, upload.thumbnail.name) if not _exists(name)] if upload else []
    # Rows are deleted before their files, so a row that still exists has lost them.
    return Loss(upload_id, missing) if missing and Upload.objects.filter(pk=upload_id).exists() else None


def _exists(name: str | None) -> bool:
    return default_storage.exists(name) if name else False


def _is_old(name: str, limit: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < limit
    except FileNotFoundError:
        return False


def _remove(names: list[str], limit: datetime, dry_run: bool) -> Iterator[Orphan]:
    """Remove the files that still have no row, in whichever part the row may be."""
    if not names:
        return
    referring = Upload.objects.filter(Q(file__in=names) | Q(thumbnail__in=names) | Q(working_copy__in=names)).order_by()
    referred = {name for row in referring.values_list(*_COLUMNS) for name in row}
    yield from filter(None, (_remove_one(name, limit, dry_run) for name in names if name not in referred))


# On SQLite a transaction prevents others from storing between the check and the removal.
@transaction.atomic
def _remove_one(name: str, limit: datetime, dry_run: bool) -> Orphan | None:
    if _has_row(name) or not _is_old(name, limit):
        return None
    try:
        orphan = Orphan(name, default_storage.size(name))
    except FileNotFoundError:
        return None
    if not dry_run:
        default_storage.delete(name)
    return orphan


def _has_row(name: str) -> bool:
    """Whether the row with the ID in the file's name exists and refers to the file."""
    try:
        upload_id = UUID(name.rpartition("/")[2][:36])
    except ValueError:
        return False
    row = Upload.objects.filter(pk=upload_id).values_list(*_COLUMNS).first()
    return row is not None and name in row
