"""Every page of the site in Chromium, served as in production: for people who see, hear or type, on any screen."""

import re
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.admin import AdminSite
from django.urls import URLResolver, get_resolver
from playwright.sync_api import Page, Route

from classifier.tests.browser import listen
from classifier.tests.routes import routes
from classifier.tests.tour.site import BROKEN_PICTURES, WIDTHS, Tour, tour
from classifier.tests.tour.stops import NO_PAGES, STOPS, Stop
from docs.screenshots import DOCS, pages_md

pytestmark = pytest.mark.browser

#: WCAG 2.2 A and AA, and what axe-core's makers have found to be good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Those of them that depend on colours and on the screen.
LOOKS = {"type": "rule", "values": ["color-contrast", "link-in-text-block", "target-size"]}
#: Colours that change with the scheme may take a moment.
AXE = """async ([context, options]) => {
    const changes = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.all(changes.map((change) => change.finished.catch(() => {})));
    return (await axe.run(context, options)).violations;
}"""
#: What people have uploaded and what is made of it, and the plots of a model: as heavy as they are.
PICTURES = re.compile(r"/(image|thumbnail)$|/(seen|map)\.png$|^/models/.*\.png$")
#: How far, and how much of the page, has moved without anybody's doing: Chromium's Cumulative Layout Shift.
LAYOUT_SHIFT = """() => new Promise((resolve) => {
    const whole = (list) => list.getEntries().reduce((sum, entry) => sum + entry.value, 0);
    const paint = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)));
    new PerformanceObserver((list) => resolve(whole(list))).observe({ type: "layout-shift", buffered: true });
    setTimeout(paint, 100);
})"""
#: A page in Ukrainian differs in its words alone, so each is looked at once.
FIRST_OF_EACH = list({stop.url_name or stop.name: stop for stop in reversed(STOPS)}.values())
ADMIN = next(stop for stop in STOPS if stop.name == "admin")
NO_PAGES_OF_ADMIN = {"admin:autocomplete", "admin:jsi18n", "admin:logout", "admin:view_on_site", "admin:"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Tour]:
    with tour(tmp_path_factory.mktemp("tour")) as site:
        yield site


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_page_is_accessible_and_small(chromium, site, stop):
    with site.at(chromium, stop, viewport={"width": WIDTHS["wide"], "height": 900}) as page:
        weights, complaints = weigh(page), []
        listen(page, complaints)
        site.open(page, stop)
        broken = page.evaluate(BROKEN_PICTURES)
        assert complaints == []
        found = [*faults(page, stop, "light", "wide"), *faults(page, stop, "dark", "phone", LOOKS)]
        assert (broken, found) == ([], [])
        total = sum(weights().values())
        print(f"{stop.name}: {total / 1000:.0f} kB")
        assert total <= 1000 * stop.most_kilobytes, weights()


@pytest.mark.parametrize("name", ["training", "jobs"])
@pytest.mark.parametrize("language", ["en", "uk"])
def test_table_shows_every_column_on_a_phone(chromium, site, name, language):
    stop = next(stop for stop in STOPS if stop.name == name)
    with site.at(chromium, stop, language=language, viewport={"width": WIDTHS["wide"], "height": 900}) as page:
        site.open(page, stop)
        table = page.locator(".stacked")
        columns = table.locator("thead th").evaluate_all("cells => cells.map(cell => cell.firstChild.textContent)")
        page.set_viewport_size({"width": WIDTHS["phone"], "height": 900})
        assert table.evaluate("table => table.parentElement.scrollWidth <= table.parentElement.clientWidth")
        labels = (
            table.locator("tbody tr")
            .first.locator("td")
            .evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")
        )
        assert labels == [f'"{column}"' for column in columns[1:]]


@pytest.mark.parametrize("language", ["en", "uk"])
def test_labels_of_the_search_take_one_line_on_a_phone(chromium, site, language):
    stop = next(stop for stop in STOPS if stop.name == "history-search")
    with site.at(chromium, stop, language=language, viewport={"width": WIDTHS["phone"], "height": 900}) as page:
        site.open(page, stop)
        heights = page.locator(".search label").evaluate_all("labels => labels.map(label => label.offsetHeight)")
        assert len(set(heights)) == 1


@pytest.mark.parametrize("stop", FIRST_OF_EACH, ids=lambda stop: stop.name)
def test_nothing_moves_while_a_page_is_loaded_and_it_is_accessible_in_ukrainian(chromium, site, stop):
    with site.at(chromium, stop, language="uk", viewport={"width": WIDTHS["phone"], "height": 900}) as page:
        page.route(PICTURES, late)
        page.goto(site.address_of(stop))
        page.evaluate(BROKEN_PICTURES)
        assert page.evaluate(LAYOUT_SHIFT) < 0.005
        if stop.act is not None:
            stop.act(page)
        assert page.locator("html").get_attribute("lang") == "uk"
        assert faults(page, stop, "light", "phone") == []


def test_browser_reports_no_errors_in_the_admin(chromium, site):
    complaints: list[str] = []
    with site.at(chromium, ADMIN) as page:
        listen(page, complaints)
        for address in pages_of_admin(site.facts["rows"]):
            assert page.goto(address).status < 400, address
            complaints += page.evaluate(BROKEN_PICTURES)
            assert complaints == [], address


def test_static_files_cannot_be_read_by_other_sites(chromium, site):
    with site.at(chromium, STOPS[0]) as page:
        page.goto("/")
        sheet = page.locator("link[rel=stylesheet]").last.get_attribute("href")
        headers = page.request.get(sheet).headers
    assert "access-control-allow-origin" not in headers
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert "immutable" in headers["cache-control"]


def test_every_address_is_a_stop_or_no_page():
    known = NO_PAGES | {stop.url_name for stop in STOPS} | djangos_own_names()
    assert sorted(set(names(get_resolver())) - known) == []


def test_pictures_of_the_pages_are_those_of_the_tour():
    assert (DOCS / "pages.md").read_text() == pages_md(), "run: make screenshots"
    named = set(re.findall(r"\(screenshots/(.+?)\)", pages_md()))
    kept = {path.name: path.stat().st_size for path in (DOCS / "screenshots").iterdir()}
    assert set(kept) == named
    assert sum(kept.values()) < 2_000_000


def late(route: Route) -> None:
    """A picture comes when all else has been shown."""
    time.sleep(0.2)
    route.continue_()


def pages_of_admin(rows: dict[str, str]) -> list[str]:
    """The administration's addresses that a superuser can go to, those of rows with the number of one."""
    found = []
    for route in routes():
        row = next((number for name, number in rows.items() if route.name.startswith(f"{name}_")), "")
        name = route.name.rpartition("_")[2]
        if route.is_of_admin and route.name and route.name not in NO_PAGES | NO_PAGES_OF_ADMIN:
            # Rows that the site alone writes are neither added nor deleted.
            if name in ("add", "delete") and "classifier" in route.name:
                continue
            found.append(route.address({"object": row, "app": "classifier"}))
    return found


def faults(page: Page, stop: Stop, scheme: str, width: str, rules: list | dict = RULES) -> list[str]:
    """What is wrong with the page on this screen by axe-core's rules, in words."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    context = {"exclude": [[part] for part in stop.foreign]}
    found = [
        f"{scheme}, {width}: {violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in page.evaluate(AXE, [context, {"resultTypes": ["violations"], "runOnly": rules}])
        for node in violation["nodes"]
    ]
    inner, outer = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    return found if inner <= outer else [*found, f"{scheme}, {width}: {inner} pixels wide"]


def weigh(page: Page):
    """Listen to what a page loads; the function that is returned gives the bytes of each address, as they came."""
    requests = []
    page.on("requestfinished", lambda request: requests.append(request))

    def weights() -> dict[str, int]:
        loaded: dict[str, int] = {}
        for request in requests:
            path = re.sub(r"^https?://[^/]+", "", request.url)
            if not path.startswith(("data:", "blob:")) and not PICTURES.search(path):
                # What comes from the browser's memory has no size of its own.
                loaded[path] = max(loaded.get(path, 0), request.sizes()["responseBodySize"])
        return loaded

    return weights


def names(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    """The names of all addresses, with their namespaces."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern, namespace + (f"{pattern.namespace}:" if pattern.namespace else ""))
        elif pattern.name:
            yield namespace + pattern.name


def djangos_own_names() -> set[str]:
    """The names that every administration has, whatever is in it."""
    own = {f"admin:{pattern.name}" for pattern in AdminSite().get_urls()}
    of_models = re.compile(r"admin:\w+_(changelist|add|history|delete|change|password_change)$")
    return own | {"admin:app_list"} | set(filter(of_models.match, names(get_resolver())))
