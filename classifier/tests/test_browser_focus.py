"""Where the keyboard is after something was wrong, in Chromium, with scripts and without."""

import pytest
from playwright.sync_api import Page, expect

from classifier.tests.browser import sign_in
from classifier.tests.factories import make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(request, open_browser) -> Page:
    return open_browser(java_script_enabled=request.param)


def submit(page: Page, address: str, **fields: str) -> None:
    page.goto(address)
    for name, value in fields.items():
        page.fill(f"[name={name}]", value)
    page.locator("main form [type=submit]").first.click()
    expect(page.locator("main .is-invalid, main .alert-danger").first).to_be_visible()


def test_sign_up_begins_at_the_password_where_the_name_was_right(page):
    submit(page, "/accounts/sign-up/", username="taras", password1="correct horse", password2="another horse")
    expect(page.locator("[name=password2]")).to_be_focused()
    make_user("taras")
    submit(page, "/accounts/sign-up/", username="taras", password1="correct horse", password2="correct horse")
    expect(page.locator("[name=username]")).to_be_focused()


def test_sign_in_begins_at_the_message_that_names_no_field(page):
    submit(page, "/accounts/sign-in/", username="nobody", password="of nobody")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Please enter a correct username and password")


def test_file_that_is_refused_leads_back_to_the_choice_of_a_file(page, tmp_path):
    (tmp_path / "notes.jpg").write_text("This is no photograph.")
    page.goto("/")
    page.set_input_files("[data-upload-input]", tmp_path / "notes.jpg")
    submit = page.locator("[data-upload] > [type=submit]")
    if submit.is_visible():
        submit.click()
    expect(page.locator(".invalid-feedback")).to_be_visible()
    expect(page.locator("[data-upload-input]")).to_be_focused()
    assert page.locator("[data-upload-input]").get_attribute("aria-invalid") == "true"


def test_other_forms_begin_at_their_first_wrong_field(page, user):
    sign_in(page, user)
    password = f"password of {user.username}"
    submit(page, "/accounts/delete/", password="a guess")
    expect(page.locator("[name=password]")).to_be_focused()
    submit(page, "/accounts/tokens/", name="\u200b")
    expect(page.locator("main [name=name]")).to_be_focused()
    submit(page, "/accounts/password/", old_password=password, new_password1="1", new_password2="2")
    expect(page.locator("[name=new_password2]")).to_be_focused()


def test_form_without_errors_begins_where_it_did(page):
    page.goto("/accounts/sign-in/")
    expect(page.locator("[name=username]")).to_be_focused()


def test_no_label_has_a_star(page, user):
    for address in ("/", "/accounts/sign-up/", "/accounts/sign-in/"):
        page.goto(address)
        assert "*" not in page.locator("main").inner_text()
    sign_in(page, user)
    for address in ("/accounts/tokens/", "/accounts/password/", "/accounts/delete/"):
        page.goto(address)
        assert "*" not in page.locator("main").inner_text()
