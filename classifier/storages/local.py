"""Files on a local disk."""

import errno
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from django.core.files.storage import FileSystemStorage

from classifier.storages.stored import StoredFile
from ml.filesystem.durability import sync


class LocalStorage(FileSystemStorage):
    """A SiteStorage in MEDIA_ROOT."""

    def check(self) -> None:
        folder = Path(self.location)
        # It is made with the first upload.
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def listing(self, folder: str) -> Iterator[StoredFile]:
        try:
            entries = list(os.scandir(self.path(folder)))
        except FileNotFoundError:
            return
        # As the names sort with the slash that follows a folder's.
        for entry in sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir()):
            name = f"{folder}/{entry.name}"
            if entry.is_dir():
                yield from self.listing(name)
                continue
            try:
                facts = entry.stat()
            except FileNotFoundError:
                continue
            yield StoredFile(name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def beginning_with(self, prefix: str) -> list[str]:
        folder, _slash, beginning = prefix.rpartition("/")
        try:
            names = os.listdir(self.path(folder))
        except FileNotFoundError:
            return []
        return [f"{folder}/{name}" for name in names if name.startswith(beginning)]

    def delete_all(self, names: Iterable[str]) -> None:
        failed = None
        for name in names:
            try:
                self.delete(name)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def internal_place(self, name: str, *, content_type: str) -> str:
        return f"/_files/{quote(name)}"

    def abort_uploads(self, *, before: datetime) -> int:
        return 0


class DurableStorage(LocalStorage):
    """When `save` returns, the file and the folders made for it are on the disk: before its row is committed."""

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        path = Path(self.path(name or content.name))
        # The name of the first folder that is missing will be in the one above it.
        changed = [path.parent]
        while not changed[-1].exists():
            changed.append(changed[-1].parent)
        stored = super().save(name, content, max_length=max_length)
        sync(Path(self.path(stored)))
        for folder in changed:
            sync(folder)
        return stored
