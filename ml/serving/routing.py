"""Whether an image is a thumbnail or a photograph: which network predicts its class, or how it is cropped.

Its size alone decides, so that anyone can tell beforehand.
"""

THUMBNAILS, PHOTOGRAPHS = "thumbnails", "photographs"

#: A thumbnail has at most this many pixels on its shorter side.
LARGEST_THUMBNAIL = 64


def kind_of(width: int, height: int) -> str:
    """Return THUMBNAILS or PHOTOGRAPHS for an image file of this size in pixels."""
    return THUMBNAILS if min(width, height) <= LARGEST_THUMBNAIL else PHOTOGRAPHS
