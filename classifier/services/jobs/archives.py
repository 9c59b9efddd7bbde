"""Read untrusted ZIP archives one member at a time, within limits; nothing is extracted."""

import struct
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from django.conf import settings
from django.core.files import File

from classifier.models.upload import composed
from classifier.services.jobs.failures import (
    ArchiveTooLarge,
    DamagedArchive,
    DamagedMember,
    EmptyArchive,
    EncryptedMember,
    NotAnArchive,
    PackedTooTightly,
    TooManyFiles,
    UnknownCompression,
    UnsafePath,
)
from classifier.services.predictions.intake import MEGABYTE, FileTooLarge

#: Photos are never compressed this much; small files of one colour are.
_MOST_RATIO, _RATIO_FROM_BYTES = 200, MEGABYTE
#: The size of a member in the directory: 46 bytes, its name and extra fields.
_ENTRY_BYTES = 512
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LONGEST_COMMENT = 65_535
_IS_UTF8, _IS_ENCRYPTED = 0x800, 0x1
_LONGEST_NAME = 1000
#: Files that systems put beside those of people.
_SYSTEM_FOLDERS, _SYSTEM_FILES = frozenset({"__MACOSX"}), frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Member:
    """A file in an archive. name: its path as it is shown, which is never opened."""

    position: int
    name: str


class Archive:
    """An open archive. Raises JobError if it cannot be read or exceeds the limits."""

    def __init__(self, file: File) -> None:
        _check_size(file)
        try:
            self._zip = zipfile.ZipFile(cast(IO[bytes], file))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError) as error:
            raise DamagedArchive from error
        self._entries = self._zip.infolist()
        self._overlapping = _overlapping(self._entries)
        self.members = [
            Member(position, _shown_name(entry))
            for position, entry in enumerate(self._entries)
            if not entry.is_dir() and not _is_of_system(entry.filename)
        ]
        if not self.members:
            raise EmptyArchive
        if len(self.members) > settings.MAX_ARCHIVE_FILES:
            raise TooManyFiles(limit=settings.MAX_ARCHIVE_FILES)

    def read(self, position: int) -> bytes:
        """Return a member's content, within the limit of an uploaded file; in any thread. Raises ImageError."""
        entry = self._entries[position]
        if not _is_safe(entry.filename):
            raise UnsafePath
        if entry.flag_bits & _IS_ENCRYPTED:
            raise EncryptedMember
        if entry.file_size > settings.MAX_UPLOAD_MEGABYTES * MEGABYTE:
            raise FileTooLarge(limit=settings.MAX_UPLOAD_MEGABYTES)
        is_dense = entry.file_size > max(_RATIO_FROM_BYTES, _MOST_RATIO * entry.compress_size)
        if is_dense or position in self._overlapping:
            raise PackedTooTightly
        try:
            # Never unpack more than the directory states.
            with self._zip.open(entry) as opened:
                return opened.read()
        except NotImplementedError as error:
            raise UnknownCompression from error
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, struct.error) as error:
            raise DamagedMember from error

    def close(self) -> None:
        self._zip.close()


def _check_size(file: File) -> None:
    """Refuse by size, and by the size of its directory, which would be read into memory whole."""
    size = file.seek(0, 2)
    if size > settings.MAX_ARCHIVE_MEGABYTES * MEGABYTE:
        raise ArchiveTooLarge(limit=settings.MAX_ARCHIVE_MEGABYTES)
    start = max(size - _END.size - _LONGEST_COMMENT, 0)
    file.seek(start)
    tail = file.read()
    if (found := tail.rfind(b"PK\5\6")) < 0 or len(tail) - found < _END.size:
        raise NotAnArchive if not _begins_as_archive(file) else DamagedArchive
    directory = _END.unpack_from(tail, found)[5]
    if directory == 0xFFFFFFFF:
        directory = _directory_64(file, start + found)
    if directory > settings.MAX_ARCHIVE_FILES * _ENTRY_BYTES:
        raise TooManyFiles(limit=settings.MAX_ARCHIVE_FILES)


def _begins_as_archive(file: File) -> bool:
    file.seek(0)
    return file.read(4) == b"PK\3\4"


def _directory_64(file: File, end: int) -> int:
    """The size of the directory of a large archive."""
    try:
        file.seek(end - _LOCATOR_64.size)
        file.seek(_LOCATOR_64.unpack(file.read(_LOCATOR_64.size))[2])
        return _END_64.unpack(file.read(_END_64.size))[8]
    except (struct.error, OSError, ValueError, OverflowError) as error:
        raise DamagedArchive from error


def _overlapping(entries: list[zipfile.ZipInfo]) -> frozenset[int]:
    """The members that overlap the one before them, as in ZIP bombs."""
    in_order = sorted(range(len(entries)), key=lambda position: entries[position].header_offset)
    found, end = set(), 0
    for position in in_order:
        entry = entries[position]
        if entry.header_offset < end and not entry.is_dir():
            found.add(position)
        end = max(end, entry.header_offset + 30 + entry.compress_size)
    return frozenset(found)


def _shown_name(entry: zipfile.ZipInfo) -> str:
    """The path with its folders, without characters that would change how it is read."""
    name = entry.filename
    if not entry.flag_bits & _IS_UTF8:
        # Python decodes the name as CP437; many programs write UTF-8 without setting the flag.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    kept = "".join(letter for letter in composed(name.replace("\\", "/")) if unicodedata.category(letter)[0] != "C")
    return kept.strip()[-_LONGEST_NAME:] or "?"


def _is_safe(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return ".." not in parts and parts[0] != "" and not parts[0].endswith(":")


def _is_of_system(path: str) -> bool:
    *folders, name = path.replace("\\", "/").split("/")
    return (
        name.startswith("._")
        or name == ".DS_Store"
        or name.lower() in _SYSTEM_FILES
        or not _SYSTEM_FOLDERS.isdisjoint(folders)
    )
