"""Read an object by ranges: a member of an archive of 2 GB needs a few megabytes of it."""

import io
from collections.abc import Callable

#: One request reads a photo, and one block is in memory.
BLOCK = 4 * 1024 * 1024


class RangeReader(io.RawIOBase):
    """A seekable stream of an object. fetch: returns up to so many bytes from a position, and the object's size."""

    def __init__(self, fetch: Callable[[int, int], tuple[bytes, int]]) -> None:
        super().__init__()
        self._fetch = fetch
        self._position = self._start = 0
        # At once, so that opening a missing object fails. Most objects are read by this one request.
        self._block, self._size = fetch(0, BLOCK)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._block, _size = self._fetch(self._position, BLOCK)
            self._start = self._position
        begin = self._position - self._start
        part = self._block[begin : begin + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)
