"""People's own classes in Chromium: folders become classes, are trained and tried; two people label at once."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from classifier.models import Example
from classifier.services.people.ownership import Owner
from classifier.tests.browser import sign_in
from classifier.tests.classifiers import COLOURS, example_bytes, make_classifier
from classifier.tests.jobs import work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def folders(tmp_path) -> Path:
    """A folder with a folder of images for each of two classes."""
    for class_name in list(COLOURS)[:2]:
        (tmp_path / "fasteners" / class_name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "fasteners" / class_name / f"{number}.png").write_bytes(example_bytes(class_name, number))
    return tmp_path / "fasteners"


def create(page: Page) -> None:
    page.goto("/classifiers/")
    page.get_by_label("Name").fill("fasteners")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="fasteners")).to_be_visible()


def test_folders_become_classes_are_trained_and_tried_without_an_account(open_browser, folders, tmp_path):
    page = open_browser()
    create(page)
    expect(page.get_by_text("Choose a folder")).to_be_visible()
    page.set_input_files("[data-folder]", folders)
    for class_name in ("bolts", "nuts"):
        expect(page.locator(f"[data-class={class_name}] .examples li")).to_have_count(6)
    page.get_by_role("button", name="Train").click()
    expect(page.locator("#training")).to_have_attribute("data-state", "waiting")
    work()
    page.get_by_role("link", name="See how good it is").click()
    expect(page.locator("[data-count='12']")).to_be_visible()
    page.get_by_role("link", name="Try it").first.click()
    (tmp_path / "new.png").write_bytes(example_bytes("nuts", 40))
    page.set_input_files("[name=image]", tmp_path / "new.png")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("[data-class=nuts]")).to_be_visible()


def test_two_people_who_label_at_once_lose_nothing(open_browser, user):
    classifier = make_classifier(Owner(user=user), images=2)
    Example.objects.update(learnt_class=None)
    pages = []
    for _ in range(2):
        page = open_browser()
        sign_in(page, user)
        page.goto(f"/classifiers/{classifier.pk}/")
        pages.append(page)
    for place, page in enumerate(pages):
        for number in (2 * place, 2 * place + 1):
            page.locator("[name=examples]").nth(number).check()
    for place, page in enumerate(pages):
        page.keyboard.press(str(place + 1))
        expect(page.locator("[data-class-id] .examples li")).to_have_count(2 * place + 2)
    assert [one.examples.count() for one in classifier.classes.all()] == [2, 2]


def test_what_cannot_be_added_is_said_beside_the_others(open_browser, folders):
    page = open_browser()
    create(page)
    (folders / "bolts" / "notes.jpg").write_bytes(b"no image at all")
    expect(page.get_by_text("Choose a folder")).to_be_visible()
    page.set_input_files("[data-folder]", folders)
    expect(page.locator("[data-errors] li")).to_have_text(["notes.jpg: This is a text file. Choose an image."])
    expect(page.locator("[data-status]")).to_have_text("Images added: 13 of 13")
