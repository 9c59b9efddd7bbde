"""Find files without a row and rows without their files, left behind by a killed process or a lost disk.

Files and rows are looked at side by side, a 256th part at a time: a million of them need no more memory than that.
"""

from collections.abc import Iterator
from datetime import timedelta
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from classifier.models import Upload
from classifier.storages.stored import StoredFile, site_storage

#: A file gets its row within seconds, so an older file without one is an orphan.
OLD = timedelta(hours=1)
_FOLDERS = ("uploads", "thumbnails", "working_copies")
_COLUMNS = ("file", "thumbnail", "working_copy")
_PARTS = frozenset(f"{number:02x}/" for number in range(256))
#: Names per query. Each query reads the whole table, because their columns have no index.
_BATCH = 400
#: Files per transaction, few so that other writers need not wait long.
_TOGETHER = 50


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
    found: list[StoredFile] = []
    # The files of a part are listed before its rows: files stored later have their row, or are younger than the limit.
    for part, files in _files_by_part():
        unclaimed, lost = _compare(part, files)
        yield from filter(None, map(_loss, lost))
        found += [file for name, file in sorted(unclaimed.items()) if file.modified < limit]
        while len(found) >= _BATCH:
            yield from _remove(found[:_BATCH], dry_run)
            found = found[_BATCH:]
    yield from _remove(found, dry_run)


def _files_by_part() -> Iterator[tuple[str, dict[str, StoredFile]]]:
    """Yield every part, which is the beginning of the names within their folders, with the files in it."""
    listings = (((_part_of(file.name), file) for file in site_storage().listing(folder)) for folder in _FOLDERS)
    every_part = ((part, None) for part in sorted(_PARTS))
    for part, files in groupby(merge(*listings, every_part, key=itemgetter(0)), key=itemgetter(0)):
        yield part, {file.name: file for _part, file in files if file}


def _part_of(name: str) -> str:
    """The folder of a file within that of its kind, with its slash; the file's name where there is no such folder."""
    folder, slash, _rest = name.partition("/")[2].partition("/")
    return folder + slash


def _compare(part: str, files: dict[str, StoredFile]) -> tuple[dict[str, StoredFile], list[UUID]]:
    """Return the files without a row, and the rows without a file, in one part."""
    lost = []
    for upload_id, *names, copy in _rows(part).values_list("pk", *_COLUMNS).iterator():
        # A working copy is made again from the original.
        if not files.keys() >= {*names}:
            lost.append(upload_id)
        for name in (*names, copy):
            files.pop(name, None)
    return files, lost


def _rows(part: str) -> QuerySet[Upload]:
    if part not in _PARTS:
        return Upload.objects.none()
    first = part.rstrip("/")
    return Upload.objects.order_by("pk").filter(pk__range=(UUID(f"{first:0<32}"), UUID(f"{first:f<32}")))


def _loss(upload_id: UUID) -> Loss | None:
    """The missing files of an upload; None if there are none, or if it was deleted in between."""
    upload = Upload.objects.filter(pk=upload_id).first()
    missing = [name or "" for name in (upload.file.name, upload.thumbnail.name) if not _exists(name)] if upload else []
    # Rows are deleted before their files, so a row that still exists has lost them.
    return Loss(upload_id, missing) if missing and Upload.objects.filter(pk=upload_id).exists() else None


def _exists(name: str | None) -> bool:
    return default_storage.exists(name) if name else False


def _remove(files: list[StoredFile], dry_run: bool) -> Iterator[Orphan]:
    """Remove the files that still have no row, in whichever part the row may be."""
    if not files:
        return
    names = [file.name for file in files]
    referring = Upload.objects.filter(Q(file__in=names) | Q(thumbnail__in=names) | Q(working_copy__in=names)).order_by()
    referred = {name for row in referring.values_list(*_COLUMNS) for name in row}
    files = [file for file in files if file.name not in referred]
    for start in range(0, len(files), _TOGETHER):
        yield from _remove_together(files[start : start + _TOGETHER], dry_run)


# On SQLite a transaction prevents others from storing between the check and the removal.
@transaction.atomic
def _remove_together(files: list[StoredFile], dry_run: bool) -> list[Orphan]:
    ids = {file.name: upload_id for file in files if (upload_id := _id_in(file.name))}
    rows = Upload.objects.filter(pk__in=ids.values()).order_by()
    claimed = {name for row in rows.values_list(*_COLUMNS) for name in row}
    orphans = [Orphan(file.name, file.size) for file in files if file.name not in claimed]
    if not dry_run:
        site_storage().delete_all(orphan.name for orphan in orphans)
    return orphans


def _id_in(name: str) -> UUID | None:
    """The id of the upload that a file was stored for."""
    try:
        return UUID(name.rpartition("/")[2][:36])
    except ValueError:
        return None
