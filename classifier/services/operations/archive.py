"""The archive of a site: a tar file with a list of checksums as its last member.

It is written under a temporary name and renamed when it is whole. A name that ends in .gz or .zst is compressed.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from ml.filesystem import unfinished

#: In the format of `sha256sum`, which can check an unpacked archive.
SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
_FOLDERS = ("database", "media", "models")
#: The limit of a member's header, which is read into memory: normally a kilobyte or two.
_LARGEST_HEADER = 1 << 20


class ArchiveError(Exception):
    """An archive cannot be written or is incomplete; the message says what to do."""


class ArchiveWriter:
    """Adds members to an archive, and writes the checksums at the end."""

    def __init__(self, tar: tarfile.TarFile, sums: BinaryIO) -> None:
        self._tar = tar
        self._sums = sums

    def add(self, name: str, content: bytes) -> None:
        self.add_stream(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as opened:
            self.add_stream(name, opened, os.fstat(opened.fileno()).st_size)

    def add_stream(self, name: str, stream: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(time.time())
        hashed = _Hashed(stream)
        self._tar.addfile(member, hashed)
        self._sums.write(hashed.line(name))


@contextmanager
def _damage_named() -> Iterator[None]:
    """Turn every error of reading a damaged tar file into an ArchiveError."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"The archive is damaged or not a backup of a site: {error}. Use another one.") from error


class _Hashed:
    """A stream that computes the checksum of what is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        with _damage_named():
            content = self._stream.read(size)
        self._sha256.update(content)
        return content

    def line(self, name: str) -> bytes:
        return f"{self._sha256.hexdigest()}  {name}\n".encode()


@contextmanager
def write_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Write an archive, which stands under its name when the block has come to its end.

    Raises ArchiveError or OSError.
    """
    # Readable by its owner only: it contains everybody's images and password hashes.
    with (
        unfinished.file(path) as temporary,
        _compressed(temporary, path.suffix) as target,
        tempfile.TemporaryFile() as sums,
        tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield ArchiveWriter(tar, sums)
        size = sums.tell()
        sums.seek(0)
        member = tarfile.TarInfo(SUMS)
        member.size, member.mtime = size, int(time.time())
        tar.addfile(member, sums)


def read_archive(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each member's name and a stream of it, which is to be read before the next one is asked for.

    Raises ArchiveError, at the end at the latest, for an archive that is not what was written.
    """
    with _damage_named(), _decompressed(path) as plain:
        source = _Metered(plain)
        with tarfile.open(fileobj=cast(BinaryIO, source), mode="r|") as tar:
            yield from _members(tar, source)


class _Metered:
    """A stream that reads up to a limit: the header lengths in an archive are untrusted."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._allowed = _LARGEST_HEADER

    def allow(self, size: int) -> None:
        self._allowed = size + _LARGEST_HEADER

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._allowed -= len(content)
        if self._allowed < 0:
            raise ArchiveError("The archive contains a member with a header that is too long. Nothing was restored.")
        return content


def _members(tar: tarfile.TarFile, source: _Metered) -> Iterator[tuple[str, BinaryIO]]:
    with tempfile.TemporaryFile() as sums:
        for member in tar:
            source.allow(member.size)
            content = cast(BinaryIO, tar.extractfile(_checked(member)))  # an ordinary file has one
            if member.name == SUMS:
                _compare(sums, content)
                return
            hashed = _Hashed(content)
            yield member.name, cast(BinaryIO, hashed)
            while hashed.read(1 << 20):
                pass
            sums.write(hashed.line(member.name))
    raise ArchiveError("The archive is damaged: its end is missing. Copy it again, or use another one.")


def _checked(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the member if it is valid: a regular file in one of the folders."""
    path = PurePosixPath(member.name)
    known = member.name in (MANIFEST, SUMS) or (len(path.parts) > 1 and path.parts[0] in _FOLDERS)
    plain = str(path) == member.name and ".." not in path.parts and "\\" not in member.name
    plain = plain and member.name.isprintable() and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
    if not (known and plain):
        raise ArchiveError(
            f"The archive contains {member.name!r}, which is not part of a backup. Nothing was restored."
        )
    tarfile.data_filter(member, "/")
    return member


def _compare(found: BinaryIO, stated: BinaryIO) -> None:
    found.seek(0)
    for line in stated:
        if found.readline() != line:
            name = line.decode(errors="replace").rstrip("\n").partition("  ")[2]
            raise ArchiveError(f"The archive is damaged: {name} does not match its checksum. Use another one.")
    if found.read(1):
        raise ArchiveError("The archive is damaged: it contains more files than its checksum list.")


@contextmanager
def _compressed(path: Path, suffix: str) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        if suffix in (".gz", ".tgz"):
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as compressed:
                yield cast(BinaryIO, compressed)
        elif suffix == ".zst":
            command = [_zstd(), "-q", "-c"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file) as process:  # noqa: S603
                yield cast(BinaryIO, process.stdin)
            if process.returncode:
                raise ArchiveError(f"zstd failed with exit status {process.returncode}.")
        else:
            yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _decompressed(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if path.suffix in (".gz", ".tgz"):
            with gzip.GzipFile(fileobj=file) as plain:
                yield cast(BinaryIO, plain)
        elif path.suffix == ".zst":
            command = [_zstd(), "-q", "-d", "-c"]
            with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE) as process:  # noqa: S603
                try:
                    yield cast(BinaryIO, process.stdout)
                finally:
                    process.kill()
        else:
            yield file


def _zstd() -> str:
    if found := shutil.which("zstd"):
        return found
    raise ArchiveError("The program zstd is not installed. Install it, or name the archive .tar or .tar.gz.")
