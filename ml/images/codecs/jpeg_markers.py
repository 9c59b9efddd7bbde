"""Read the markers of a JPEG (ITU-T T.81) before a codec spends seconds on its scans."""

import re
from typing import NamedTuple

#: Cameras and editors write a dozen scans at most.
MOST_SCANS = 200
#: Scans times pixels: a codec goes over all pixels in each. 30 scans of 50 megapixels, 200 of 7.
MOST_SCANNED = 1_500_000_000
#: With at most this many scans, only the number of pixels is limited.
_FEW_SCANS = 12
MOST_MARKERS = 4096
#: Bytes that may pad the gap before a marker.
LONGEST_FILL = 1024

_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_BODY = (0x01, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_COEFFICIENTS = 64
#: FF and then a marker; stuffed zeros and restarts belong to a scan's data.
_MARKER = re.compile(rb"\xff(?=[^\x00\xff\xd0-\xd7])", re.DOTALL)


class Parts(NamedTuple):
    """The facts in the markers of a JPEG's first image.

    exceeds_limits: whether it has more scans, markers or filling than any real one. has_end: whether its end is marked.
    has_all_scans: whether the last scan of every coefficient of every component has begun.
    """

    exceeds_limits: bool = False
    has_end: bool = False
    has_all_scans: bool = False


def survey(content: bytes) -> Parts:
    """Read the markers of a JPEG's first picture."""
    position = 2
    frame = _Frame()
    for _ in range(MOST_MARKERS):
        found = _MARKER.search(content, position)
        end = found.end() if found else len(content)
        if content.find(b"\xff" * LONGEST_FILL, position, end) >= 0:
            break
        if end >= len(content):
            return Parts(has_all_scans=frame.is_whole)
        marker = content[end]
        if marker == _END:
            return Parts(has_end=True, has_all_scans=frame.is_whole)
        position = end + 1
        if marker in _WITHOUT_BODY:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        frame.read(marker, content[position + 2 : position + length])
        if frame.scans > MOST_SCANS or (frame.scans > _FEW_SCANS and frame.scans * frame.pixels > MOST_SCANNED):
            break
        position += length
    return Parts(exceeds_limits=True)


class _Frame:
    """The state of reading an image's header and the headers of its scans."""

    def __init__(self) -> None:
        self.scans = self.pixels = 0
        self.is_progressive = False
        #: Coefficients (component, number) whose last bit no scan has brought yet; None before the header.
        self.missing: set[tuple[int, int]] | None = None

    @property
    def is_whole(self) -> bool:
        return self.missing is not None and not self.missing

    def read(self, marker: int, body: bytes) -> None:
        if marker in _FRAMES and len(body) >= 6:
            self.is_progressive = marker in _PROGRESSIVE
            self.pixels = int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big")
            self.missing = {(component, number) for component in body[6::3] for number in range(_COEFFICIENTS)}
        elif marker == _START_OF_SCAN:
            self.scans += 1
            self._count_scan(body)

    def _count_scan(self, body: bytes) -> None:
        components = body[1 : 1 + 2 * body[0] : 2] if body else b""
        band = body[1 + 2 * len(components) :]
        if self.missing is None or len(band) < 3:
            return
        first, last = (band[0], band[1]) if self.is_progressive else (0, _COEFFICIENTS - 1)
        if self.is_progressive and band[2] & 15:
            return
        self.missing -= {(component, number) for component in components for number in range(first, last + 1)}
