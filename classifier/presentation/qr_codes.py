"""QR codes as images in a page."""

import segno


def qr_code(text: str) -> str:
    """A data: URI with an SVG image, black on white in light and dark mode, which scanners need."""
    return segno.make(text, micro=False).svg_data_uri(scale=4, border=2, light="#fff")
