"""What is done on a page before it is looked at."""

from pathlib import Path

from playwright.sync_api import Page, expect

from classifier.services.predictions.example_images import EXAMPLES, EXAMPLES_FOLDER

_FILES = [str(EXAMPLES_FOLDER / f"{name}.jpg") for name in EXAMPLES]
_INPUT = "[data-upload-input]"
#: A file that says it is an image and is none.
_NO_IMAGE = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"This is no photograph."}


def send_no_image(page: Page) -> None:
    page.set_input_files(_INPUT, _NO_IMAGE)
    expect(page.locator(".invalid-feedback")).to_be_visible()


def classify_an_example(page: Page) -> None:
    page.locator("[name=example][value=ship]").click()
    expect(page.locator("[data-prediction]")).to_be_visible()


def classify_without_a_model(page: Page) -> None:
    page.locator("[name=example][value=ship]").click()
    expect(page.get_by_role("alert")).to_be_visible()


def classify_what_is_of_no_class(page: Page) -> None:
    page.locator("[name=example][value=teapot]").click()
    expect(page.locator("[data-abstained=true]")).to_be_visible()


def classify_without_keeping(page: Page) -> None:
    page.select_option("[data-upload] [name=keep]", "0")
    page.set_input_files(_INPUT, _FILES[1])
    expect(page.locator("[data-not-kept]")).to_be_visible()


def send_many(page: Page) -> None:
    files = [{"name": Path(path).name, "mimeType": "image/jpeg", "buffer": Path(path).read_bytes()} for path in _FILES]
    page.set_input_files(_INPUT, [*files[:4], _NO_IMAGE])
    expect(page.locator(".upload-row[data-state=done]")).to_have_count(4)
    expect(page.locator(".upload-row[data-state=refused]")).to_have_count(1)


def tick_two(page: Page) -> None:
    for number in range(2):
        page.locator("[name=predictions]").nth(number).check()


def ask_to_delete_two(page: Page) -> None:
    tick_two(page)
    page.locator("[name=action][value=ask]").click()
    expect(page.locator("[name=action][value=delete]")).to_be_visible()


def open_the_labels(page: Page) -> None:
    page.locator("#correction summary").click()
    expect(page.locator("#correction .class-buttons")).to_be_visible()


def ask_why(page: Page) -> None:
    page.locator("[data-why]").click()
    expect(page.locator("#map-strength")).to_be_visible()
    page.locator("[data-map] img").last.evaluate("image => image.decode()")


def compare_models(page: Page) -> None:
    for choice in page.locator("[name=model]").all()[:2]:
        choice.check()
    page.locator("main form button").click()
    expect(page.locator(".compared").first).to_be_visible()


def sign_up_badly(page: Page) -> None:
    page.fill("[name=username]", "olena")
    page.fill("[name=password1]", "12345")
    page.fill("[name=password2]", "12345")
    _submit(page)


def sign_in_badly(page: Page) -> None:
    page.fill("[name=username]", "nobody")
    page.fill("[name=password]", "no password")
    _submit(page)


def choose_two_pupils(page: Page) -> None:
    # The first one's link and session are of other stops.
    for number in (1, 2):
        page.locator("[name=pupils]").nth(number).check()
    page.locator("[value=cards]").click()
    expect(page.locator(".sign-in-card")).to_have_count(2)


def sign_in_with_a_wrong_pin(page: Page) -> None:
    page.fill("[name=nickname]", "Ivan")
    page.fill("[name=pin]", "000 000")
    page.locator("[value=sign_in]").click()
    expect(page.get_by_role("alert")).to_be_visible()


def make_a_token(page: Page) -> None:
    page.fill("main [name=name]", "a program")
    page.locator("main [name=submit]").click()
    expect(page.locator("[data-token]")).to_be_visible()


def post_without_a_token(page: Page) -> None:
    page.locator("[data-upload] [name=csrfmiddlewaretoken]").evaluate("field => field.remove()")
    # One file is sent as soon as it is chosen.
    page.set_input_files(_INPUT, _FILES[0])
    expect(page.locator("[data-upload]")).to_have_count(0)


def _submit(page: Page) -> None:
    page.locator("main form [type=submit]").click()
    expect(page.locator("main .invalid-feedback, main .alert").first).to_be_visible()


def read_the_api(page: Page) -> None:
    page.locator("#operations-predictions-create_prediction .opblock-summary-control").click()
    expect(page.locator("#swagger-ui .opblock-body .microlight").first).to_be_visible()
