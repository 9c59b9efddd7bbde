"""Build a colour profile from a PNG's cICP, gAMA and cHRM chunks."""

import struct
from collections.abc import Callable

import numpy as np

#: x and y of white, red, green and blue.
Primaries = tuple[float, float, float, float, float, float, float, float]
Transfer = Callable[[np.ndarray], np.ndarray]

_D65 = (0.3127, 0.329)
_SRGB: Primaries = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
#: ITU-T H.273, colour primaries: BT.709, BT.470 (625 lines), BT.601 (525 lines), BT.2020, Display P3.
_PRIMARIES: dict[int, Primaries] = {
    1: _SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
#: The gamma of a display; a file this close to it needs no conversion.
_GAMMA, _NEAR = 2.2, 0.05
_CURVE_POINTS = 4096


def _srgb(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _bt709(values: np.ndarray) -> np.ndarray:
    return np.where(values < 0.081, values / 4.5, ((values + 0.099) / 1.099) ** (1 / 0.45))


def _power(exponent: float) -> Transfer:
    return lambda values: values**exponent


#: H.273, transfer characteristics. The HDR curves PQ and HLG are left unchanged.
_TRANSFERS: dict[int, Transfer] = {
    **dict.fromkeys((1, 6, 14, 15), _bt709),
    4: _power(2.2),
    5: _power(2.8),
    8: _power(1.0),
    13: _srgb,
}


def profile_of(cicp: bytes | None, gamma: float | None, primaries: Primaries | None, is_grey: bool) -> bytes | None:
    """Return an ICC profile for the colour chunks of a PNG; None if they mean sRGB or are not understood.

    cicp: the content of the chunk. gamma: as gAMA has it, 0.45455 for a usual display. primaries: as cHRM has them.
    """
    if cicp and len(cicp) >= 2:
        if (cicp[0], cicp[1]) == (1, 13):
            return None
        known, transfer = _PRIMARIES.get(cicp[0]), _TRANSFERS.get(cicp[1])
        return _profile(known, transfer, is_grey) if known and transfer else None
    if not gamma:
        return None
    primaries = primaries or _SRGB
    if abs(gamma * _GAMMA - 1) < _NEAR:
        return None if is_grey or np.allclose(primaries, _SRGB, atol=0.002) else _profile(primaries, _srgb, False)
    return _profile(primaries, _power(1 / gamma), is_grey)


def _profile(primaries: Primaries, transfer: Transfer, is_grey: bool) -> bytes | None:
    points = np.rint(65535 * transfer(np.linspace(0, 1, _CURVE_POINTS)).clip(0, 1)).astype(">u2").tobytes()
    curve = b"curv" + bytes(4) + struct.pack(">I", _CURVE_POINTS) + points
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 4) + b"PNG\0" + bytes(78), b"wtpt": _xyz(_D50)}
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0"
    if is_grey:
        return _icc(b"GRAY", {**tags, b"kTRC": curve})
    try:
        columns = _columns(primaries)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 2:
        return None
    for name, column in zip("rgb", columns.T):
        tags |= {f"{name}XYZ".encode(): _xyz(column), f"{name}TRC".encode(): curve}
    return _icc(b"RGB ", tags)


def _columns(primaries: Primaries) -> np.ndarray:
    """The colours of red, green and blue as XYZ, adapted to the profiles' white (Bradford)."""
    white, *colours = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(primaries[::2], primaries[1::2]))
    matrix = np.column_stack(colours)
    matrix = matrix * np.linalg.solve(matrix, white)
    adapted = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD @ matrix


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * float(value)) for value in values))


def _icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2.4 (ICC.1:2001-04)."""
    start = 132 + 12 * len(tags)
    table = body = b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    kind = (bytes(4), 0x02400000, b"mntr", space, b"XYZ ", bytes(12), b"acsp", bytes(4))
    head = struct.pack(">I4sI4s4s4s12s4s4s", start + len(body), *kind) + bytes(24) + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
