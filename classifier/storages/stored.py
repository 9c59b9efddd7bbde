"""What the site needs of a storage beyond Django's interface: lists with sizes and times, and deletion by the batch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from django.core.files.storage import default_storage
from django.utils.crypto import RANDOM_STRING_CHARS, get_random_string

_LETTERS = RANDOM_STRING_CHARS.lower()[:26] + "0123456789"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """size: in bytes."""

    name: str
    size: int
    modified: datetime


class SiteStorage(Protocol):
    """Every method raises OSError."""

    def check(self) -> None:
        """Do next to nothing that would fail if no file could be stored, within seconds."""
        ...

    def listing(self, folder: str) -> Iterator[StoredFile]:
        """Yield all files below a folder, sorted by the bytes of their names; none if there is no such folder."""
        ...

    def beginning_with(self, prefix: str) -> list[str]:
        """The names in one folder that begin so."""
        ...

    def delete_all(self, names: Iterable[str]) -> None:
        """Delete files; those that are gone already are no error."""
        ...

    def internal_place(self, name: str, *, content_type: str) -> str:
        """The path of an internal location of deploy/nginx.conf where nginx finds the file."""
        ...

    def abort_uploads(self, *, before: datetime) -> int:
        """Discard the parts of uploads that began before this and never ended; return how many uploads."""
        ...


def site_storage() -> SiteStorage:
    return cast(SiteStorage, default_storage)


def new_part() -> str:
    """A random part for the name of a file, so that no other attempt to store the same file has that name."""
    return get_random_string(12, _LETTERS)
