"""What a person does on the site, in every way: in a wide window or on a telephone, with scripts or without."""

import csv
import json
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from classifier.models import Prediction, Upload
from classifier.services.history.correction import correct
from classifier.tests.browser import is_painted, send, sign_in
from classifier.tests.factories import make_prediction, make_superuser

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCREENS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "telephone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
WAYS = [
    pytest.param({**options, "java_script_enabled": scripts}, id=f"{screen}, {'scripts' if scripts else 'no scripts'}")
    for screen, options in SCREENS.items()
    for scripts in (True, False)
]


@pytest.fixture(params=WAYS)
def way(request) -> dict:
    return request.param


@pytest.fixture
def page(open_browser, way) -> Page:
    return open_browser(**way)


@pytest.fixture
def own_page(page, user) -> Page:
    sign_in(page, user)
    return page


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled to sideways."""
    return page.locator("html").evaluate("page => page.scrollWidth <= page.clientWidth")


def downloaded(page: Page, button: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.path()


def test_answer_is_explained(page, way):
    page.goto("/")
    page.get_by_role("button", name="Ship").click()
    page.get_by_role("link", name="Why?").click()
    expect(page.locator("#explanation")).to_contain_text("Heat map:")
    expect(page.locator("[data-same]")).to_contain_text("of 9 tries")
    seen, looked_at = "[data-map] img:first-child", "[data-map] img:last-child"
    assert is_painted(page, seen)
    assert is_painted(page, looked_at)
    slider = page.get_by_label("Heat map opacity")
    expect(slider).to_be_visible(visible=way["java_script_enabled"])
    if way["java_script_enabled"]:
        for strength in ("0", "1"):
            slider.fill(str(100 * int(strength)))
            assert page.locator(looked_at).evaluate("map => getComputedStyle(map).opacity") == strength
    assert fits(page)


def test_prediction_is_confirmed_corrected_and_undone(own_page, user):
    prediction = make_prediction(user, predicted_class="cat", abstained=False)
    own_page.goto(f"/predictions/{prediction.pk}/")
    own_page.get_by_role("button", name="Yes").click()
    expect(own_page.locator("[data-corrected=cat]")).to_contain_text("correct")
    own_page.locator("#correction summary").click()
    own_page.locator(".class-buttons").get_by_role("button", name="Dog").click()
    expect(own_page.locator("[data-corrected=dog]")).to_contain_text("incorrect")
    own_page.get_by_role("button", name="Undo").click()
    expect(own_page.locator("[data-corrected=cat]")).to_contain_text("correct")
    prediction.refresh_from_db()
    assert prediction.corrected_class == "cat"
    assert fits(own_page)


def test_refusal_of_a_script_is_shown(open_browser, complaints, user):
    page = open_browser()
    sign_in(page, user)
    prediction = make_prediction(user, predicted_class="cat", abstained=False)
    page.goto(f"/predictions/{prediction.pk}/")
    expect(page.locator("#refused")).to_be_hidden()
    prediction.upload.delete()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("alert")).to_contain_text("This page does not exist, or you do not have access to it.")
    expect(page.get_by_role("button", name="Yes")).to_be_visible()
    assert all("404" in complaint for complaint in complaints)
    complaints.clear()


def test_history_is_searched_listed_and_exported(own_page, user):
    wanted, _dog, wrong = (
        make_prediction(user, name=f"{name}.jpg", seed=seed, predicted_class=answer, abstained=False)
        for seed, (name, answer) in enumerate([("my cat", "cat"), ("a dog", "dog"), ("no cat", "cat")])
    )
    correct(prediction=wrong, label="dog", user=user)
    own_page.goto("/history/")
    expect(own_page.locator(".history a")).to_have_count(3)
    own_page.get_by_text("Search and sort").click()
    own_page.get_by_label("File name").fill("CAT")
    own_page.get_by_label("Status").select_option("Not reviewed")
    own_page.get_by_role("button", name="Apply", exact=True).click()
    expect(own_page.locator(".history a")).to_have_count(1)
    own_page.get_by_role("link", name="List", exact=True).click()
    expect(own_page.locator(".history-list a")).to_contain_text("my cat.jpg")
    asked = parse_qs(urlsplit(own_page.url).query)
    assert (asked["name"], asked["state"], asked["view"]) == (["CAT"], ["unchecked"], ["list"])
    assert fits(own_page)
    table, archive = (downloaded(own_page, f"Export {kind}") for kind in ("CSV", "ZIP"))
    assert [row["id"] for row in csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())] == [str(wanted.pk)]
    assert [name.partition("-")[0] for name in zipfile.ZipFile(archive).namelist()[1:]] == ["cat/my cat"]


def test_image_is_kept_for_as_long_as_is_wished(page, photograph):
    page.goto("/")
    page.get_by_label("Keep the photo").select_option("7 days")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    assert (Upload.objects.get().expires_at - Upload.objects.get().created_at).days in (6, 7)
    page.get_by_role("link", name="Classify another photo").click()
    expect(page.get_by_label("Keep the photo")).to_have_value("7")
    page.get_by_label("Keep the photo").select_option("do not keep: only show the result")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    expect(page.locator("[data-not-kept]")).to_be_visible()
    assert Upload.objects.count() == 1
    assert fits(page)


def test_token_is_made_used_and_revoked(own_page, user, live_server):
    make_prediction(user)
    own_page.goto("/accounts/password/")
    own_page.get_by_role("link", name="API tokens").click()
    own_page.get_by_label("Name").fill("my script")
    own_page.get_by_role("button", name="Create token").click()
    secret = own_page.locator("[data-token]").inner_text()
    assert fits(own_page)
    asked = own_page.request.get("/api/v1/predictions/", headers={"Authorization": f"Bearer {secret}"})
    assert len(json.loads(asked.text())["results"]) == 1
    own_page.goto("/accounts/tokens/")
    assert secret not in own_page.content()
    own_page.get_by_role("button", name="Revoke my script").click()
    expect(own_page.get_by_text("You have no tokens.")).to_be_visible()


def test_account_is_deleted_with_everything(own_page, user, stored_files):
    make_prediction(user)
    own_page.goto("/accounts/password/")
    own_page.get_by_role("link", name="Delete my account").click()
    assert fits(own_page)
    own_page.get_by_label("password").fill(f"password of {user.username}")
    own_page.locator("main [type=submit]").click()
    # On a phone it is in the menu.
    expect(own_page.locator("header a[href^='/accounts/sign-in/']").first).to_be_attached()
    assert (Prediction.objects.count(), stored_files()) == (0, [])


def test_overview_opens_what_wants_a_look(page):
    doubtful = make_prediction(name="who knows.jpg", confidence=0.2, abstained=False)
    sign_in(page, make_superuser())
    page.goto("/admin/")
    page.get_by_role("link", name="Overview").first.click()
    page.locator(".queue a").first.click()
    assert page.url.endswith(f"/{doubtful.pk}/change/")
    expect(page.get_by_text("who knows.jpg").first).to_be_visible()
