"""A Chromium for the tests, and what a person does in it on any page; conftest.py has the fixtures for all of them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from ml.tests.factories import encode

#: A busy machine is no reason to fail.
expect.set_options(timeout=20_000)
#: Browsers do not say everything that a Content-Security-Policy refuses by themselves.
_SAY_WHAT_IS_REFUSED = """addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
    console.error(`The policy refuses ${effectiveDirective}: ${blockedURI} ${sample}`));"""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # A camera that shows a moving test picture.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium that is there, or say that there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), playwright.chromium.executable_path)
    if not Path(found).exists():
        reason = "no Chromium: install one, or run playwright install chromium"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(reason)
    return playwright.chromium.launch(executable_path=found, args=ARGUMENTS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, which Django takes for that of an asynchronous view.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser's console complains of; nothing may be."""
    found: list[str] = []
    yield found
    assert found == [], found


@pytest.fixture
def open_browser(chromium, live_server, complaints):
    """A function that opens a browser of its own at the site, with Playwright's options for it."""
    contexts: list[BrowserContext] = []

    def open_context(**options) -> Page:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        listen(page, complaints)
        return page

    yield open_context
    for context in contexts:
        context.close()


def listen(page: Page, complaints: list[str]) -> None:
    """Add what the page's console complains of, such as what its Content-Security-Policy refuses, to the list."""
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.extend(_complaint(page, message)))
    page.add_init_script(_SAY_WHAT_IS_REFUSED)


def _complaint(page: Page, message) -> list[str]:
    # That the page itself came with the status 400 or 404 is what some tests are about.
    of_the_page = message.text.startswith("Failed to load resource") and message.location["url"] == page.url
    return [message.text] if message.type in ("error", "warning") and not of_the_page else []


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    """A real photograph of a dog from the folder PHOTOS_DIR, or a drawn scene."""
    if folder := os.environ.get("PHOTOS_DIR"):
        return next(path for path in sorted((Path(folder) / "dog").iterdir()))
    picture = Image.new("RGB", (640, 480), "#a8cdec")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 300, 640, 480), fill="#2d5f83")
    draw.polygon([(140, 270), (520, 270), (470, 340), (190, 340)], fill="#7b3327")
    draw.polygon([(320, 60), (320, 260), (470, 260)], fill="#f4efe3")
    path = tmp_path_factory.mktemp("photograph") / "sailing boat.jpg"
    path.write_bytes(encode(picture, "JPEG"))
    return path


def send(page: Page) -> None:
    """Send the file that was chosen, where no script has done that already, and wait for its result."""
    submit = page.locator("[data-upload] > [type=submit]")
    if submit.is_visible():
        submit.click()
    expect(page.locator("[data-prediction]")).to_have_count(1)
    # Its scripts may come later than what they work on.
    page.wait_for_load_state()


def is_painted(page: Page, selector: str) -> bool:
    """Whether a picture arrived and could be read."""
    return page.locator(selector).first.evaluate("picture => picture.decode().then(() => true, () => false)")


def sign_in(page: Page, user) -> None:
    client = Client()
    client.force_login(user)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": _site(page)}])


def _site(page: Page) -> str:
    page.goto("/healthz")
    return page.url.removesuffix("/healthz")
