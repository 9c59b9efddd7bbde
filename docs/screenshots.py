"""Pictures of every page for docs/pages.md: `make screenshots`.

The site is served as in production, on a database and a media folder that are gone afterwards, with the drawn examples.
"""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    import conftest  # noqa: F401 (the environment of the tests, whatever the shell says)

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from classifier.tests.browser import launch
from classifier.tests.tour.site import BROKEN_PICTURES, WIDTHS, Tour, tour
from classifier.tests.tour.stops import STOPS, Stop

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "screenshots"
#: Wide in light colours and narrow in dark ones show both of each; of these the wide one is shown in dark as well.
DARK_AND_WIDE = {"result", "history", "model"}
#: How wide a picture is kept, in pixels, and how much of a long page it shows.
KEPT_WIDTHS = {"wide": 900, "phone": 390}
MOST_HEIGHT = 1500
QUALITY = 60
HEADER = """# The pages

Every page of the site, wide in light colours and on a telephone in dark ones. `make screenshots` takes the pictures
anew; what is classified in them are the drawn examples that come with the site.
"""


def looks(stop: Stop) -> Iterator[tuple[str, str]]:
    """The colours and widths in which a stop is pictured."""
    yield "light", "wide"
    if stop.name in DARK_AND_WIDE:
        yield "dark", "wide"
    yield "dark", "phone"


def file_name(stop: Stop, scheme: str, width: str) -> str:
    return f"{stop.name}-{width}-{scheme}.webp"


def pages_md() -> str:
    """The text of docs/pages.md."""
    parts = [HEADER]
    for stop in filter(lambda stop: stop.pictured, STOPS):
        names = [file_name(stop, *look) for look in looks(stop)]
        images = " | ".join(f"![{name.removesuffix('.webp')}](screenshots/{name})" for name in names)
        parts.append(f"{stop.says}\n\n| {' | '.join(' ' for _ in names)} |\n|{'---|' * len(names)}\n| {images} |\n")
    return "\n".join(parts)


def picture(site: Tour, browser: Browser, stop: Stop, folder: Path) -> None:
    """Write the stop's pictures to the folder."""
    for scheme, width in looks(stop):
        viewport = {"width": WIDTHS[width], "height": 800}
        with site.at(browser, stop, color_scheme=scheme, viewport=viewport, device_scale_factor=2) as page:
            site.open(page, stop)
            page.evaluate(BROKEN_PICTURES)
            content = page.screenshot(full_page=True, animations="disabled")
        (folder / file_name(stop, scheme, width)).write_bytes(reduced(content, KEPT_WIDTHS[width]))


def reduced(png: bytes, width: int) -> bytes:
    """Return the upper part of a picture as a small WebP file."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.crop((0, 0, width, min(picture.height, MOST_HEIGHT))).save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()


def main() -> None:
    # Playwright's loop runs in this thread, which Django takes for that of an asynchronous view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, tour(Path(name)) as site, sync_playwright() as playwright:
        browser = launch(playwright)
        for stop in filter(lambda stop: stop.pictured, STOPS):
            picture(site, browser, stop, FOLDER)
            print(stop.name, flush=True)
        browser.close()
    wanted = {file_name(stop, *look) for stop in STOPS if stop.pictured for look in looks(stop)}
    for path in FOLDER.iterdir():
        if path.name not in wanted:
            path.unlink()
    (DOCS / "pages.md").write_text(pages_md())
    print(f"{len(wanted)} pictures, {sum(path.stat().st_size for path in FOLDER.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
