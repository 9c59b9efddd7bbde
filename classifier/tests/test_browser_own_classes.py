"""People's own classes in Chromium: folders become classes, are trained and tried; two people label at once."""

import re
from pathlib import Path

import pytest
from django.db.models import Count
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
        expect(page.locator("[data-class-id]:not([data-class-id='']) .examples li")).to_have_count(2 * place + 2)
    assert [one.examples.count() for one in classifier.classes.all()] == [2, 2]


@pytest.fixture
def board(open_browser, user) -> Page:
    """The images of a classifier: three bolts and three nuts."""
    classifier = make_classifier(Owner(user=user), images=3)
    # Nothing has to be scrolled while it is dragged.
    page = open_browser(viewport={"width": 1280, "height": 1000})
    sign_in(page, user)
    page.goto(f"/classifiers/{classifier.pk}/")
    return page


def counts(page: Page, bolts: int, nuts: int) -> None:
    for name, count in {"bolts": bolts, "nuts": nuts}.items():
        expect(page.locator(f"[data-class={name}] .examples li")).to_have_count(count)


def test_images_are_dragged_to_another_class(board):
    bolts, nuts = (board.locator(f"[data-class={name}]") for name in ("bolts", "nuts"))
    bolts.locator("li").first.drag_to(nuts)
    counts(board, 2, 4)
    expect(board.locator("[data-status]")).to_have_text("1 image was moved.")
    for place in range(2):
        bolts.locator("[name=examples]").nth(place).check()
    bolts.locator("li").first.drag_to(nuts)
    counts(board, 0, 6)
    assert dict(Example.objects.values_list("learnt_class__name").annotate(Count("pk"))) == {"nuts": 6}


def test_images_are_moved_by_keys_alone(board):
    first, second = (board.locator("[data-class=bolts] [name=examples]").nth(place) for place in range(2))
    value = second.get_attribute("value")
    first.focus()
    board.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    board.keyboard.press("ArrowLeft")
    board.keyboard.press("2")
    counts(board, 2, 4)
    # The next one of the class has the focus, so that the next key moves it.
    expect(board.locator(f"[value='{value}']")).to_be_focused()
    board.keyboard.press("Space")
    board.keyboard.press("ArrowRight")
    board.keyboard.press("Space")
    board.keyboard.press("2")
    counts(board, 0, 6)


def test_image_that_somebody_else_removed_does_not_stop_the_others(board):
    boxes = board.locator("[data-class=bolts] [name=examples]")
    for place in range(2):
        boxes.nth(place).check()
    Example.objects.filter(pk=boxes.first.get_attribute("value")).delete()
    board.keyboard.press("2")
    counts(board, 1, 4)
    expect(board.locator("[data-status]")).to_have_text("1 image no longer exists. 1 image was moved.")


def test_image_is_pasted_into_the_chosen_class(board):
    board.locator("[data-class=nuts] h2").click()
    board.evaluate(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        }""",
        list(example_bytes("nuts", 50)),
    )
    counts(board, 3, 4)


def test_camera_takes_photos_of_a_class_while_the_button_is_held(board):
    board.locator("[data-class=nuts]").get_by_role("button", name="Camera").click()
    shutter = board.get_by_role("button", name="Hold to take photos")
    shutter.hover()
    expect(shutter).to_be_enabled()
    board.mouse.down()
    expect(board.locator("[data-count]")).to_have_text(re.compile(r"Photos taken: ([3-9]|\d\d+)"))
    board.mouse.up()
    expect(board.locator("[data-status]")).to_contain_text("Images added: ")
    board.get_by_role("button", name="Done").click()
    expect(board.locator("[data-class=nuts] .examples li").nth(4)).to_be_visible()
    counts(board, 3, Example.objects.count() - 3)


def test_what_cannot_be_added_is_said_beside_the_others(open_browser, folders):
    page = open_browser()
    create(page)
    (folders / "bolts" / "notes.jpg").write_bytes(b"no image at all")
    expect(page.get_by_text("Choose a folder")).to_be_visible()
    page.set_input_files("[data-folder]", folders)
    expect(page.locator("[data-errors] li")).to_have_text(["notes.jpg: This is a text file. Choose an image."])
    expect(page.locator("[data-status]")).to_have_text("Images added: 13 of 13")
