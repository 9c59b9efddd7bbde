"""A site to tour: served as in production, with content, and opened in a browser at any of its stops."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, Page

from classifier.tests.factories import BASE_DIR
from classifier.tests.server import serve
from classifier.tests.tour.stops import Stop

WIDTHS = {"wide": 1280, "phone": 390}
LOCALES = {"en": "en-GB", "uk": "uk-UA"}
#: Loads the pictures that are not on the screen yet, and lists those that cannot be shown.
BROKEN_PICTURES = """async () => {
    const pictures = [...document.images].filter((picture) => !picture.hidden);
    pictures.forEach((picture) => (picture.loading = "eager"));
    await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
    return pictures.filter((picture) => !picture.naturalWidth).map((picture) => picture.src);
}"""

#: For a status, what makes the site answer with it, and what mends it: no table of training runs, no active model.
_STATEMENTS = {
    500: (
        "ALTER TABLE classifier_trainingrun RENAME TO classifier_trainingrun_away",
        "ALTER TABLE classifier_trainingrun_away RENAME TO classifier_trainingrun",
    ),
    503: (
        "UPDATE classifier_modelversion SET card = json_set(card, '$.away', 1), active = 0 WHERE active",
        "UPDATE classifier_modelversion SET card = json_remove(card, '$.away'), active = 1 "
        "WHERE json_extract(card, '$.away')",
    ),
}


class Tour(NamedTuple):
    address: str
    folder: Path
    facts: dict

    @contextmanager
    def at(self, browser: Browser, stop: Stop, *, language: str = "en", **options) -> Iterator[Page]:
        """A page of the browser that shows the stop; `options` are Playwright's for a context of its own."""
        context = browser.new_context(
            base_url=self.address, locale=LOCALES[language], reduced_motion="reduce", **options
        )
        if stop.who:
            key = self.facts["sessions"][stop.who]
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": self.address}])
        try:
            with self._without(stop.status):
                yield context.new_page()
        finally:
            context.close()

    def open(self, page: Page, stop: Stop) -> None:
        """Go to the stop's address and do there what is to be seen."""
        answer = page.goto(self.address_of(stop))
        if stop.act is None:
            assert answer.status == stop.status, f"{stop.name} answers {answer.status}"
        else:
            stop.act(page)

    def address_of(self, stop: Stop) -> str:
        path = stop.path.format(**self.facts)
        name = stop.start or stop.url_name
        return path if name is None else reverse(name, args=[self.facts[fact] for fact in stop.args]) + path

    @contextmanager
    def _without(self, status: int) -> Iterator[None]:
        """Take something essential away from the site, so that it responds with this status."""
        away, back = _STATEMENTS.get(status, ("SELECT 1", "SELECT 1"))
        with closing(sqlite3.connect(self.folder / "db.sqlite3", isolation_level=None)) as database:
            database.execute(away)
            try:
                yield
            finally:
                database.execute(back)


#: No tour sends any, but there are pages for it.
_MAIL = {"EMAIL_HOST": "127.0.0.1", "DEFAULT_FROM_EMAIL": "site@example.org"}


@contextmanager
def tour(folder: Path) -> Iterator[Tour]:
    """Serve a site with content; all that it writes lies in `folder`."""
    with serve(folder, WEB_CONCURRENCY="1", HISTORY_PAGE_SIZE="12", **_MAIL) as site:
        env = {**site.env, "DJANGO_SETTINGS_MODULE": "cifarsite.settings"}
        command = [sys.executable, "-m", "classifier.tests.tour.content"]
        made = subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        # That of the host's other name is refused, which the tour wants to see as well.
        facts = {"port": site.address.rpartition(":")[2], "nothing": "nothing"}
        yield Tour(site.address, folder, json.loads(made.stdout) | facts)
