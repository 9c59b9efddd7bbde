"""The upload page in Chromium: many files at once, and every way in which a person can give them."""

import base64
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from classifier.models import Prediction, Upload
from classifier.tests.browser import send, sign_in
from classifier.tests.factories import image_bytes
from classifier.views import home

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INPUT = "[data-upload-input]"
#: A DataTransfer with pictures, given as pairs of a name and base64.
TRANSFER = """pictures => {
    const transfer = new DataTransfer();
    for (const [name, content] of pictures) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
    }
    return transfer;
}"""
#: Counts requests that the page begins, of which one that it stops at once never leaves the browser.
COUNT_REQUESTS = """() => {
    const send = XMLHttpRequest.prototype.send;
    window.sent = 0;
    XMLHttpRequest.prototype.send = function (body) {
        window.sent += 1;
        send.call(this, body);
    };
}"""
ANSWER = """<a href="/history/" data-upload-answer>Ship<span class="visually-hidden"> (opens in a new tab)</span></a>"""
PASTE = "transfer => document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true}))"


#: The form is under way, and the page stays to be looked at.
HOLD_THE_FORM = """form => {
    window.submitted = 0;
    form.addEventListener("submit", (event) => {
        window.submitted += 1;
        event.preventDefault();
    });
}"""


class Posts:
    """What a page sends: held until the test lets it go, if that is asked for."""

    def __init__(self, page: Page, *, held: bool = False) -> None:
        self.page, self.hold, self.count = page, held, 0
        self.waiting: list[Route] = []
        page.route("**/*", self._take)

    def _take(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        self.count += 1
        self.waiting.append(route)
        if not self.hold:
            self.let_go()

    def let_go(self, most: int | None = None) -> None:
        some, self.waiting = self.waiting[:most], self.waiting[len(self.waiting) if most is None else most :]
        for route in some:
            route.continue_()

    def let_all_go(self) -> None:
        self.hold = False
        self.let_go()

    def wait_for(self, count: int) -> None:
        until(self.page, lambda: len(self.waiting) >= count)


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Let the browser run until a condition holds."""
    for _ in range(1000):
        if holds():
            return
        page.wait_for_timeout(20)
    pytest.fail("waited for 20 seconds")


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    """Six small pictures that differ."""
    paths = [tmp_path / f"picture {number}.jpg" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(image_bytes(seed=number))
    return paths


@pytest.fixture
def page(open_browser) -> Page:
    """The upload page, as somebody sees it who has stored nothing yet."""
    page = open_browser()
    page.goto("/")
    return page


@pytest.fixture
def known_page(open_browser, user) -> Page:
    """The upload page of somebody who has signed in."""
    page = open_browser()
    sign_in(page, user)
    page.goto("/")
    return page


def rows(page: Page, state: str = "") -> Locator:
    return page.locator(f".upload-row[data-state={state}]" if state else ".upload-row")


def transfer(page: Page, names: Iterable[str]):
    return page.evaluate_handle(
        TRANSFER, [[name, base64.b64encode(image_bytes(seed=seed)).decode()] for seed, name in enumerate(names)]
    )


def drop_from_the_desktop(page: Page, *paths: Path) -> None:
    """Drop files or folders, as the desktop hands them over."""
    session, (x, y) = page.context.new_cdp_session(page), (200, 200)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})


def test_every_file_has_its_row_with_its_result_or_its_own_error(page, pictures, settings, tmp_path):
    settings.MAX_UPLOAD_MEGABYTES = 1
    page.reload()
    (tmp_path / "notes.jpg").write_text("This is no photograph.")
    (tmp_path / "huge.bmp").write_bytes(b"0" * 1_000_001)
    posts = Posts(page)
    page.set_input_files(INPUT, [*pictures[:2], tmp_path / "notes.jpg", tmp_path / "huge.bmp"])
    expect(page.locator("[data-upload-summary]")).to_have_text("Finished: 2 done, 2 failed")
    expect(page.locator("[data-upload-announcement]")).to_have_text("Finished: 2 done, 2 failed")
    expect(rows(page, "refused").nth(0)).to_contain_text("This is a text file.")
    expect(rows(page, "refused").nth(1)).to_contain_text("The file is larger than 1 MB. Make it smaller and retry.")
    assert posts.count == 3
    for name in ("Retry", "Cancel"):
        expect(page.locator(".upload-queue").get_by_role("button", name=name)).to_have_count(0)
    for row, prediction in zip(rows(page, "done").all(), Prediction.objects.order_by("upload__original_name")):
        expect(row).to_contain_text(prediction.upload.original_name)
        expect(row.locator("a")).to_have_attribute("href", f"/predictions/{prediction.pk}/")
    with page.expect_popup() as opened:
        rows(page, "done").first.get_by_role("link").click()
    expect(opened.value.locator("[data-prediction]")).to_have_count(1)


def test_files_that_failed_are_found_among_many(known_page, pictures, tmp_path):
    (tmp_path / "notes.jpg").write_text("This is no photograph.")
    known_page.set_input_files(INPUT, [*pictures[:4], tmp_path / "notes.jpg", *pictures[4:]])
    expect(rows(known_page, "done")).to_have_count(6)
    only = known_page.get_by_role("button", name="Show only failed files")
    only.click()
    expect(only).to_have_attribute("aria-pressed", "true")
    expect(known_page.locator(".upload-row:visible")).to_have_count(1)
    expect(known_page.locator(".upload-row:visible")).to_contain_text("notes.jpg")
    only.click()
    expect(known_page.locator(".upload-row:visible")).to_have_count(7)


def test_files_that_failed_are_not_offered_where_none_is_left(known_page, pictures):
    posts = Posts(known_page, held=True)
    known_page.set_input_files(INPUT, pictures[:2])
    posts.wait_for(2)
    posts.waiting.pop().abort()
    posts.let_all_go()
    expect(rows(known_page, "failed")).to_have_count(1)
    only = known_page.get_by_role("button", name="Show only failed files")
    only.click()
    known_page.get_by_role("button", name="Retry all").click()
    expect(rows(known_page, "done")).to_have_count(2)
    expect(only).to_be_hidden()
    expect(known_page.locator(".upload-row:visible")).to_have_count(2)


def test_four_are_sent_at_a_time(known_page, pictures):
    posts = Posts(known_page, held=True)
    known_page.set_input_files(INPUT, pictures)
    posts.wait_for(4)
    expect(rows(known_page, "sending")).to_have_count(4)
    expect(rows(known_page, "waiting")).to_have_count(2)
    posts.let_go(1)
    expect(rows(known_page, "done")).to_have_count(1)
    posts.wait_for(4)
    expect(rows(known_page, "sending")).to_have_count(4)
    posts.let_all_go()
    expect(rows(known_page, "done")).to_have_count(6)
    assert posts.count == Prediction.objects.count() == 6


def test_strangers_files_are_all_one_persons(page, pictures):
    posts = Posts(page, held=True)
    page.set_input_files(INPUT, pictures)
    posts.wait_for(1)
    expect(rows(page, "sending")).to_have_count(1)
    posts.let_all_go()
    expect(rows(page, "done")).to_have_count(6)
    assert Prediction.objects.values("visitor").distinct().count() == 1
    page.goto("/history/")
    expect(page.locator(".history a")).to_have_count(6)


def test_failed_upload_is_sent_again(known_page, pictures):
    posts = Posts(known_page, held=True)
    known_page.set_input_files(INPUT, pictures[:2])
    posts.wait_for(2)
    for route in posts.waiting:
        route.abort()
    expect(rows(known_page, "failed")).to_have_count(2)
    expect(rows(known_page, "failed").first).to_contain_text(
        "Could not reach the site. Check your connection and retry."
    )
    posts.waiting.clear()
    posts.let_all_go()
    known_page.get_by_role("button", name="Retry: picture 0.jpg").click()
    expect(rows(known_page, "done")).to_have_count(1)
    known_page.get_by_role("button", name="Retry all").click()
    expect(rows(known_page, "done")).to_have_count(2)
    assert Prediction.objects.count() == 2


def test_retry_after_a_lost_answer_keeps_nothing_twice(known_page, pictures, monkeypatch):
    answers: list[Prediction] = []

    def lose_the_first(**arguments):
        answers.append(submit(**arguments))
        if len(answers) == 1:
            raise RuntimeError("the answer is lost")
        return answers[-1]

    submit = home.submit
    monkeypatch.setattr(home, "submit", lose_the_first)
    known_page.set_input_files(INPUT, pictures[:2])
    failed = rows(known_page, "failed")
    expect(failed).to_contain_text("Unexpected response from the site.")
    failed.get_by_role("button", name="Retry").click()
    expect(rows(known_page, "done")).to_have_count(2)
    assert len(answers) == 3
    assert Prediction.objects.count() == 2


def test_waiting_and_sending_uploads_are_cancelled(known_page, pictures):
    posts = Posts(known_page, held=True)
    known_page.evaluate(COUNT_REQUESTS)
    known_page.set_input_files(INPUT, pictures)
    posts.wait_for(4)
    known_page.get_by_role("button", name="Cancel: picture 0.jpg").click()
    expect(rows(known_page, "cancelled")).to_contain_text("picture 0.jpg")
    expect(known_page.get_by_role("button", name="Retry: picture 0.jpg")).to_be_focused()
    expect(rows(known_page, "sending")).to_have_count(4)
    expect(rows(known_page, "waiting")).to_have_count(1)
    known_page.get_by_role("button", name="Cancel all").click()
    expect(rows(known_page, "cancelled")).to_have_count(6)
    expect(known_page.get_by_role("button", name="Cancel all")).to_be_hidden()
    assert known_page.evaluate("window.sent") == 5
    posts.waiting.clear()
    posts.let_all_go()
    known_page.get_by_role("button", name="Retry: picture 3.jpg").click()
    expect(rows(known_page, "done")).to_contain_text("picture 3.jpg")
    assert [*Prediction.objects.values_list("upload__original_name", flat=True)] == ["picture 3.jpg"]


def test_leaving_is_warned_of_while_something_is_under_way(known_page, pictures):
    posts = Posts(known_page, held=True)
    known_page.locator("h1").click()
    known_page.set_input_files(INPUT, pictures[:2])
    posts.wait_for(2)
    with known_page.expect_event("dialog") as dialog:
        known_page.close(run_before_unload=True)
    assert dialog.value.type == "beforeunload"
    dialog.value.dismiss()
    posts.let_all_go()
    expect(rows(known_page, "done")).to_have_count(2)
    with known_page.expect_event("close"):
        known_page.close(run_before_unload=True)


def test_file_that_was_sent_is_not_sent_again(known_page, pictures):
    posts = Posts(known_page)
    known_page.set_input_files(INPUT, pictures[:2])
    expect(rows(known_page, "done")).to_have_count(2)
    assert known_page.locator(INPUT).evaluate("input => input.files.length") == 0
    expect(known_page.locator("[data-upload] > [type=submit]")).to_be_hidden()
    known_page.set_input_files(INPUT, pictures[0])
    expect(rows(known_page, "done")).to_have_count(3)
    known_page.set_input_files(INPUT, pictures[2:4])
    expect(rows(known_page, "done")).to_have_count(5)
    assert posts.count == Prediction.objects.count() == 5


def test_one_file_is_seen_while_it_is_sent_and_is_sent_once(known_page, pictures):
    known_page.locator("[data-upload]").evaluate(HOLD_THE_FORM)
    known_page.set_input_files(INPUT, pictures[0])
    expect(known_page.locator(".upload-preview")).to_be_visible()
    expect(known_page.locator("[data-upload-status]")).to_have_text("Classifying")
    drop_from_the_desktop(known_page, *pictures[1:3])
    drop_from_the_desktop(known_page, pictures[4])
    expect(rows(known_page)).to_have_count(0)
    assert known_page.evaluate("window.submitted") == 1


def test_same_file_can_be_chosen_again_after_its_result(known_page, pictures):
    for _ in range(2):
        known_page.set_input_files(INPUT, pictures[0])
        expect(known_page.locator("[data-prediction]")).to_be_visible()
        known_page.go_back()
        expect(known_page.locator(INPUT)).to_be_visible()
        assert known_page.locator(INPUT).evaluate("input => input.files.length") == 0


@pytest.mark.parametrize("count", [1, 2])
def test_time_to_keep_is_seen_before_anything_is_sent_and_remembered(page, pictures, count):
    keep = page.get_by_label("Keep the photo")
    expect(keep).to_be_visible()
    assert keep.bounding_box()["y"] < page.locator(INPUT).bounding_box()["y"]
    keep.select_option("7 days")
    page.set_input_files(INPUT, pictures[:count])
    expect(page.locator(".upload-row[data-state=done], [data-prediction]:not(.upload-row *)")).to_have_count(count)
    assert {one.expires_at is not None for one in Upload.objects.all()} == {True}
    page.goto("/")
    expect(keep).to_have_value("7")
    page.get_by_role("button", name="Frog").click()
    expect(page.locator("[data-prediction]")).to_be_visible()
    assert Upload.objects.filter(expires_at=None).count() == 0


def test_example_is_kept_as_long_as_is_chosen_above_it(page):
    page.get_by_label("Keep the photo").select_option("do not keep: only show the result")
    page.get_by_role("button", name="Frog").click()
    expect(page.locator("[data-not-kept]")).to_be_visible()
    assert not Upload.objects.exists()


def test_pasted_picture_is_classified(page):
    page.evaluate(PASTE, transfer(page, ["pasted.jpg"]))
    send(page)
    expect(page.locator("figcaption")).to_have_text("pasted.jpg")


def test_pasted_text_is_no_picture_and_a_field_keeps_what_is_pasted_into_it(page):
    text = page.evaluate_handle(
        "() => { const transfer = new DataTransfer(); transfer.setData('text/plain', 'a'); return transfer }"
    )
    page.evaluate(PASTE, text)
    page.locator("main").evaluate("main => main.append(Object.assign(document.createElement('textarea'), {id: 'own'}))")
    page.evaluate(PASTE.replace("document.body", "document.querySelector('#own')"), transfer(page, ["pasted.jpg"]))
    assert page.locator(INPUT).evaluate("input => input.files.length") == 0


def test_folder_that_is_dropped_gives_the_images_in_it(page, pictures, tmp_path):
    album = tmp_path / "album" / "summer"
    album.mkdir(parents=True)
    for path in pictures[:2]:
        path.rename(album / path.name)
    pictures[2].rename(album.parent / pictures[2].name)
    (album / "notes.txt").write_text("Not sent.")
    drop_from_the_desktop(page, album.parent)
    expect(rows(page, "done")).to_have_count(3)
    assert rows(page).count() == 3


def test_folder_without_images_says_so(page, tmp_path):
    (tmp_path / "empty").mkdir()
    drop_from_the_desktop(page, tmp_path / "empty")
    until(page, lambda: page.locator(INPUT).evaluate("input => input.validationMessage") != "")
    assert page.locator(INPUT).evaluate("input => input.validationMessage") == "This folder contains no images."


def test_one_file_that_is_too_large_is_not_sent(page, settings, tmp_path):
    settings.MAX_UPLOAD_MEGABYTES = 1
    page.reload()
    (tmp_path / "huge.bmp").write_bytes(b"0" * 1_000_001)
    posts = Posts(page)
    page.set_input_files(INPUT, tmp_path / "huge.bmp")
    message = page.locator(INPUT).evaluate("input => input.validationMessage")
    assert message == "The file is larger than 1 MB. Make it smaller and retry."
    assert posts.count == 0


def test_hundreds_of_files_are_sent_with_no_picture_kept_open(known_page, pictures):
    known_page.evaluate("() => { window.opened = 0; URL.createObjectURL = () => { window.opened += 1; return '' } }")
    known_page.route("**/*", lambda route: route.fulfill(body="<a href='/history/' data-upload-answer>Ship</a>"))
    names = [f"picture {number}.jpg" for number in range(300)]
    known_page.dispatch_event("main", "drop", {"dataTransfer": transfer(known_page, names)})
    expect(known_page.locator("[data-upload-summary]")).to_have_text("Finished: 300 done", timeout=120_000)
    assert known_page.evaluate("window.opened") == 0
    box = known_page.locator(".upload-rows").bounding_box()
    assert box["height"] < 700


def test_long_list_leaves_no_blank_page_below_it(known_page):
    known_page.route("**/*", lambda route: route.fulfill(body=ANSWER))
    names = [f"picture {number}.jpg" for number in range(40)]
    known_page.dispatch_event("main", "drop", {"dataTransfer": transfer(known_page, names)})
    expect(rows(known_page, "done")).to_have_count(40)
    below = (
        "() => document.documentElement.scrollHeight - document.querySelector('footer').getBoundingClientRect().bottom"
    )
    assert known_page.evaluate(f"({below})() - scrollY") < 10


@pytest.mark.parametrize("scripts", [True, False])
def test_example_is_classified_with_one_click(open_browser, scripts):
    page = open_browser(java_script_enabled=scripts)
    page.goto("/")
    page.get_by_role("button", name="Frog").click()
    expect(page.locator("[data-prediction]")).to_have_count(1)
    expect(page.locator("figcaption")).to_have_text("frog.jpg")
    assert Prediction.objects.count() == 1


def test_camera_is_offered_where_a_finger_points(open_browser, pictures):
    page = open_browser(has_touch=True, is_mobile=True)
    page.goto("/")
    expect(page.get_by_text("Take a photo")).to_be_visible()
    page.set_input_files("[data-upload-camera]", pictures[0])
    send(page)
    assert Prediction.objects.get().upload.original_name == "picture 0.jpg"


def test_ways_that_need_a_script_are_not_shown_without_one(open_browser):
    for options, way in (({"has_touch": True, "is_mobile": True}, ".camera"), ({}, ".upload-hint")):
        for scripts in (True, False):
            page = open_browser(java_script_enabled=scripts, **options)
            page.goto("/")
            expect(page.locator(way)).to_be_visible(visible=scripts)
