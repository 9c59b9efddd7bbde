"""A lesson in Chromium: a teacher, two pupils, their photos, a lost PIN, and the end of the year."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from classifier.models import Pupil, Upload
from classifier.tests.browser import is_painted, send, sign_in
from classifier.tests.groups import make_teacher

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 390, "height": 800}}


def join(page: Page, code: str, nickname: str) -> str:
    """Join with the code as a pupil types it, and return the PIN."""
    page.goto("/accounts/sign-in/")
    page.get_by_role("link", name="I have the code of a group").click()
    page.get_by_label("Code of your group").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="Next").click()
    page.locator("#join_nickname").fill(nickname)
    page.get_by_role("button", name="Join").click()
    return page.locator("[data-pin]").inner_text()


def upload(page: Page, photograph) -> None:
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_lesson_with_two_pupils(open_browser, shipped, photograph, java_script_enabled):
    teacher = open_browser(java_script_enabled=java_script_enabled)
    sign_in(teacher, make_teacher())
    teacher.goto("/groups/")
    teacher.get_by_label("Name").fill("7-B")
    teacher.get_by_role("button", name="Create").click()
    group = teacher.url
    teacher.get_by_role("button", name="Open joining").click()
    code = teacher.locator("[data-code]").inner_text()
    assert is_painted(teacher, ".qr")

    olia = open_browser(java_script_enabled=java_script_enabled, **PHONE)
    join(olia, code, "Оля")
    upload(olia, photograph)
    ivan = open_browser(java_script_enabled=java_script_enabled, **PHONE)
    pin = join(ivan, code, "Ivan")
    assert photograph.name not in history(ivan)
    assert photograph.name in history(olia)

    teacher.goto(group)
    teacher.get_by_role("button", name="Close joining").click()
    expect(teacher.get_by_role("button", name="Open joining")).to_be_visible()
    teacher.get_by_role("link", name="Оля", exact=True).click()
    expect(teacher.locator(".history .file-name")).to_have_text(photograph.name)
    assert is_painted(teacher, ".history img")

    # The teacher replaces a lost PIN; the pupil's session is over, and the old PIN with it.
    teacher.goto(group)
    teacher.get_by_label("Select Ivan").check()
    teacher.get_by_role("button", name="New PINs and cards").click()
    new_pin = teacher.locator(".sign-in-card .pin").inner_text()
    link = teacher.locator(".sign-in-card a").get_attribute("href")
    ivan.goto("/accounts/pupil/")
    expect(ivan).to_have_url(re.compile("/accounts/sign-in/"))
    ivan.goto(f"/join/{code}/")
    for number, alert in ((pin, 1), (new_pin, 0)):
        ivan.locator("#id_nickname").fill(" IVAN ")
        ivan.locator("#id_pin").fill(number)
        ivan.get_by_role("button", name="Sign in").click()
        expect(ivan.get_by_role("alert")).to_have_count(alert)
    assert photograph.name not in history(ivan)
    at_home = open_browser(java_script_enabled=java_script_enabled, **PHONE)
    at_home.goto(link)
    at_home.get_by_role("button", name="Sign in as Ivan").click()
    at_home.goto("/accounts/pupil/")
    expect(at_home.get_by_role("heading", name="Ivan")).to_be_visible()

    teacher.goto(f"{group}delete/")
    teacher.get_by_label("I have downloaded what should be kept.").check()
    teacher.get_by_role("button", name="Delete all").click()
    expect(teacher.locator(".alert")).to_contain_text("with 2 pupils")
    assert not Pupil.objects.exists()
    assert not Upload.objects.exists()
    assert [*User.objects.values_list("username", flat=True)] == ["teacher"]


def history(page: Page) -> str:
    page.goto("/history/")
    return page.locator("main").inner_text()
