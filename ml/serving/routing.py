"""Decide whether an image is a thumbnail or a photograph, which selects the network or the crop.

The decision depends on the size alone, so that people can foresee it.
"""

THUMBNAILS, PHOTOGRAPHS = "thumbnails", "photographs"

#: A thumbnail has at most this many pixels on its shorter side.
LARGEST_THUMBNAIL = 64


def kind_of(width: int, height: int) -> str:
    """Return THUMBNAILS or PHOTOGRAPHS for an image file of this size in pixels."""
    return THUMBNAILS if min(width, height) <= LARGEST_THUMBNAIL else PHOTOGRAPHS
