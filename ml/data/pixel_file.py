"""Decoded images in a file of no name: as many as fit on the disk; only those in use are in memory.

The file is gone when its process is, however that ends. It is read and not mapped: pages that are mapped count as the
process's memory.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np


class NoSpace(Exception):
    """The decoded images do not fit on the disk; the message says how much space they need."""


class PixelFile:
    """Images, uint8 (N, height, width, channels), read like an array: `images[7]`, `images[a:b]`, `images[indices]`."""

    dtype = np.dtype(np.uint8)

    def __init__(self, path: str, image_shape: tuple[int, int, int], rows: np.ndarray) -> None:
        self._descriptor = os.open(path, os.O_RDWR)
        self._path = path
        self._rows = rows
        self.shape = (len(rows), *image_shape)

    @classmethod
    def create(cls, count: int, image_shape: tuple[int, int, int], folder: Path | None) -> "PixelFile":
        """Return a file for `count` images in `folder`, or where temporary files are. Raises NoSpace."""
        place = Path(folder or tempfile.gettempdir())
        place.mkdir(parents=True, exist_ok=True)
        needed, free = count * int(np.prod(image_shape)), shutil.disk_usage(place).free
        if needed > free:
            raise NoSpace(
                f"The decoded images take {needed / 1e9:.1f} GB; {place} has {free / 1e9:.1f} GB left. Free some "
                "space, or choose a smaller --image-size."
            )
        descriptor, path = tempfile.mkstemp(dir=place, prefix=".pixels-")
        try:
            return cls(path, image_shape, np.arange(count))
        finally:
            os.unlink(path)
            os.close(descriptor)

    def write(self, row: int, image: np.ndarray) -> None:
        os.pwrite(self._descriptor, np.ascontiguousarray(image).data, row * self._bytes)

    def rows(self, indices: np.ndarray) -> "PixelFile":
        """Return the images with these indices, from the same file."""
        return PixelFile(f"/dev/fd/{self._descriptor}", self.shape[1:], self._rows[indices])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, key: int | slice | np.ndarray) -> np.ndarray:
        chosen = self._rows[key]
        if np.ndim(chosen) == 0:
            return self._read(int(chosen))
        images = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        for place, row in enumerate(chosen):
            images[place] = self._read(int(row))
        return images

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.uint8, copy=False)

    def __del__(self) -> None:
        if descriptor := self.__dict__.get("_descriptor"):
            os.close(descriptor)

    def __reduce__(self) -> tuple:
        # For child processes: the file has no name outside this process.
        return PixelFile, (f"/proc/{os.getpid()}/fd/{self._descriptor}", self.shape[1:], self._rows)

    @property
    def _bytes(self) -> int:
        return int(np.prod(self.shape[1:]))

    def _read(self, row: int) -> np.ndarray:
        return np.frombuffer(os.pread(self._descriptor, self._bytes, row * self._bytes), np.uint8).reshape(
            self.shape[1:]
        )
