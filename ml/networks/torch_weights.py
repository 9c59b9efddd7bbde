"""Read the weights in a PyTorch file without PyTorch.

The old format, of PyTorch before 1.6: pickles of a magic number, the protocol, the machine and the state dictionary,
whose tensors are views of storages; then the storages' keys, and each one's length and bytes.
"""

# What a pickle may name is bounded below.
import pickle  # nosec B403
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class WeightsError(ValueError):
    """The file holds no weights that can be read; the message names it."""


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype


class _View(NamedTuple):
    """A tensor before its storage has been read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a state dictionary by name, in its order. Raises WeightsError.

    Nothing in the file is run: of all that a pickle may name, only tensors, storages and dictionaries are known here.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise WeightsError(f"There is no file {path}.") from None
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a PyTorch file of weights in the format before 1.6 ({error}). Fetch it again."
        ) from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("it begins otherwise")
    _Unpickler(file).load()  # protocol
    _Unpickler(file).load()  # the machine it was written on
    views = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        dtype = dtypes[key]
        content = file.read(count * dtype.itemsize)
        if len(content) != count * dtype.itemsize:
            raise EOFError("it ends too early")
        storages[key] = np.frombuffer(content, dtype)
    return {name: _array(view, storages[view.storage.key]) for name, view in views.items()}


def _array(view: _View, storage: np.ndarray) -> np.ndarray:
    last = view.offset + sum((size - 1) * step for size, step in zip(view.shape, view.stride))
    if min(view.offset, *view.shape, *view.stride, 0) < 0 or last >= len(storage):
        raise ValueError("a tensor does not lie in its storage")
    strides = [step * storage.itemsize for step in view.stride]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides, writeable=False)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: _View(storage, offset, tuple(shape), tuple(stride))
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no business in weights")

    def persistent_load(self, identifier: tuple) -> _Storage:
        _kind, dtype, key, _location, _count, _view = identifier
        return _Storage(key, dtype)
