"""Storage on a local disk that syncs every upload before it reports success."""

from pathlib import Path
from typing import IO, Any

from django.core.files.storage import FileSystemStorage

from ml.filesystem.durability import sync


class DurableStorage(FileSystemStorage):
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
