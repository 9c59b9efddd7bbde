"""The markers of a JPEG, counted before a codec spends seconds on them."""

import re

#: Cameras and editors write a dozen scans at most.
MOST_SCANS = 200
MOST_MARKERS = 4096
#: Bytes that may fill the gap before a marker.
LONGEST_FILL = 1024

_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_BODY = (0x01, 0xD8)
#: FF and then a marker; stuffed zeros and restarts belong to a scan's data.
_MARKER = re.compile(rb"\xff(?=[^\x00\xff\xd0-\xd7])", re.DOTALL)


def exceeds_limits(content: bytes) -> bool:
    """Whether the first picture of a JPEG has more scans, markers or filling than any real one."""
    position, scans = 2, 0
    for _ in range(MOST_MARKERS):
        found = _MARKER.search(content, position)
        end = found.end() if found else len(content)
        if content.find(b"\xff" * LONGEST_FILL, position, end) >= 0:
            return True
        if found is None or content[end] == _END:
            return False
        scans += content[end] == _START_OF_SCAN
        if scans > MOST_SCANS:
            return True
        position = end + 1
        if content[end] not in _WITHOUT_BODY:
            position += int.from_bytes(content[position : position + 2], "big")
    return True
