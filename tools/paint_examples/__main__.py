"""Draw the example images, and the small copies that the page shows."""

import io

from PIL import Image

from classifier.services.predictions.example_images import EXAMPLES_FOLDER, SMALL_EXAMPLES_FOLDER
from tools.paint_examples import machines, others

PAINTERS = (
    machines.ship,
    machines.airplane,
    machines.automobile,
    machines.truck,
    others.frog,
    others.bird,
    others.teapot,
)

SMALL_SIZE = (200, 150)


def main() -> None:
    for painter in PAINTERS:
        jpeg = painter().jpeg()
        for path, content in (
            (EXAMPLES_FOLDER / f"{painter.__name__}.jpg", jpeg),
            (SMALL_EXAMPLES_FOLDER / f"{painter.__name__}.webp", small(jpeg)),
        ):
            path.write_bytes(content)
            print(f"{path.name}: {len(content):,} bytes")


def small(jpeg: bytes) -> bytes:
    """Return the picture as a WebP file, as large as the page shows it on the finest of screens."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).resize(SMALL_SIZE, Image.Resampling.LANCZOS).save(buffer, "WEBP", quality=70, method=6)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
