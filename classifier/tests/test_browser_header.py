"""The header and the type of every page, with and without scripts."""

import pytest
from playwright.sync_api import expect

from classifier.tests.browser import sign_in
from classifier.tests.factories import make_superuser

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 800}
LINKS = ["Classify", "History", "Your classes", "Models", "Training"]


@pytest.mark.parametrize("scripts", [True, False])
def test_menu_of_a_phone_opens_and_leads_everywhere(open_browser, scripts):
    page = open_browser(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/history/")
    assert page.locator("header").bounding_box()["height"] <= 66
    links = page.locator(".site-links a")
    expect(links.first).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(links).to_have_text(LINKS)
    expect(links.filter(has_text="History")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Escape")
    expect(links.first).to_be_hidden()
    page.get_by_role("button", name="Menu").press("Enter")
    links.filter(has_text="Models").click()
    assert page.url.endswith("/models/")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [390, 1280])
def test_language_is_switched_by_its_own_name_on_the_page_one_is_on(open_browser, scripts, width):
    page = open_browser(java_script_enabled=scripts, viewport={"width": width, "height": 800})
    page.goto("/history/?view=list")
    if width < 992:
        page.get_by_role("button", name="Menu").click()
    page.locator("summary", has_text="English").click()
    page.get_by_role("button", name="Українська").click()
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    assert page.url.endswith("/history/?view=list")


def test_menu_under_the_name_has_the_pages_of_the_account(open_browser):
    page = open_browser()
    user = make_superuser()
    sign_in(page, user)
    page.goto("/history/")
    name = page.locator("summary", has_text=user.username)
    entries = name.locator("xpath=..").get_by_role("link")
    name.click()
    for entry in entries.all():
        assert page.request.get(entry.get_attribute("href")).ok
    expect(entries).to_have_count(5)
    page.keyboard.press("Escape")
    expect(name).to_be_focused()
    expect(entries).to_have_count(0)
    name.press("Enter")
    page.get_by_role("heading", name="History").click()
    expect(entries).to_have_count(0)
    name.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("language", "sample"), [("en-GB", "Photos"), ("uk-UA", "Фотографії їжаків ґ")])
def test_font_of_the_site_has_the_letters_of_the_page(open_browser, language, sample):
    page = open_browser(locale=language)
    loaded = []
    page.on("response", lambda response: loaded.append(response) if ".woff2" in response.url else None)
    page.goto("/history/")
    # It is shown at once where it is there in time: on the second page it always is.
    page.goto("/models/")
    assert page.evaluate("text => document.fonts.check('16px Inter', text)", sample)
    assert {response.ok for response in loaded} == {True}
    assert not [response.url for response in loaded if "latin-ext" in response.url]
