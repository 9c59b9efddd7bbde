"""The site in Chromium, as a person uses it."""

import base64
import re
from pathlib import Path

import bootstrap
import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import expect

from classifier.models import Prediction, TrainingRun
from classifier.services.models import training
from classifier.services.models.publishing import publish
from classifier.tests.browser import is_painted, send, sign_in
from classifier.tests.factories import (
    doubtful_model,
    image_bytes,
    make_prediction,
    make_superuser,
)
from ml.tests.factories import run_settings, small_dataset
from ml.training.checkpoints import EpochRecord

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_photograph_is_classified_as_soon_as_it_is_chosen_and_found_again(open_browser, photograph):
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    prediction = Prediction.objects.get()
    expect(page.locator("[data-prediction]")).to_contain_text(prediction.predicted_class.title())
    assert is_painted(page, "figure img")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="History").click()
    assert is_painted(page, ".history img")
    page.locator(".history a").click()
    expect(page.locator(f"[data-prediction='{prediction.pk}']")).to_be_visible()


def test_prediction_is_corrected_and_undone_by_keyboard(open_browser, photograph):
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    prediction = Prediction.objects.get()
    page.keyboard.press("4")
    expect(page.locator("[data-corrected=cat]")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("[data-corrected=none]")).to_contain_text("None of the classes")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-corrected=cat]")).to_be_visible()
    prediction.refresh_from_db()
    assert prediction.corrected_class == "cat"


def test_keys_that_answer_can_be_switched_off(open_browser, photograph):
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    page.locator("#correction summary").click()
    page.get_by_label("Enable keyboard shortcuts").uncheck()
    page.reload()
    page.keyboard.press("4")
    page.locator("#correction summary").click()
    expect(page.get_by_label("Enable keyboard shortcuts")).not_to_be_checked()
    page.get_by_label("Enable keyboard shortcuts").check()
    assert Prediction.objects.get().corrected_class == ""
    page.keyboard.press("4")
    expect(page.locator("[data-corrected=cat]")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_ticked_images_are_downloaded_or_deleted(open_browser, user, scripts):
    for seed in range(3):
        make_prediction(user, seed=seed)
    page = open_browser(java_script_enabled=scripts)
    sign_in(page, user)
    page.goto("/history/")
    if scripts:
        page.get_by_label("Select all on this page").check()
        page.locator("[name=predictions]").first.uncheck()
    else:
        for number in (1, 2):
            page.locator("[name=predictions]").nth(number).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download selected").click()
    assert download.value.suggested_filename.endswith(".zip")
    page.get_by_role("button", name="Delete selected").click()
    expect(page.locator("h1")).to_have_text("Delete 2 images?")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".history a")).to_have_count(1)


def test_dark_colours_are_the_systems_or_the_persons_choice(open_browser):
    page = open_browser(color_scheme="light")
    page.goto("/")
    html, switch = page.locator("html"), page.get_by_role("button", name="Dark theme")
    expect(html).to_have_attribute("data-bs-theme", "light")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.goto("/history/")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Dark theme").click()
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-bs-theme", "dark")


def test_theme_of_the_admin_is_not_that_of_the_site(open_browser):
    page = open_browser(color_scheme="dark")
    page.goto("/admin/login/")
    assert page.evaluate("localStorage.length") == 1
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Dark theme").click()
    page.goto("/admin/login/")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_unknown_theme_is_not_applied(open_browser):
    page = open_browser(color_scheme="light")
    page.add_init_script("localStorage.setItem('classifier-theme', 'auto')")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


#: The colours of everything on a page, in the order of the page.
COLOURS = """() => [...document.querySelectorAll(
    "body, body *:not(.needs-scripts, .needs-scripts *, .upload-preview, script, noscript)"
)].map((one) => {
    const style = getComputedStyle(one);
    return [one.localName + "." + one.className, style.color, style.backgroundColor, style.borderTopColor].join(" ");
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_the_systems_without_scripts_too(open_browser, user, scheme):
    prediction = make_prediction(user)
    seen = []
    for scripts in (True, False):
        page = open_browser(color_scheme=scheme, java_script_enabled=scripts, reduced_motion="reduce")
        sign_in(page, user)
        colours = []
        for address in ("/", "/history/?name=x", f"/predictions/{prediction.pk}/delete/"):
            page.goto(address)
            colours += [f"{address} {colour}" for colour in page.evaluate(COLOURS)]
        seen.append(colours)
    assert set(seen[0]) ^ set(seen[1]) == set()


def test_bootstrap_has_no_dark_colours_that_are_missing_without_scripts():
    (folder,) = bootstrap.__path__
    wanted = re.search(
        r"}\[data-bs-theme=dark\]{(color-scheme:dark;.*?)}", (Path(folder) / "css/bootstrap.min.css").read_text()
    )
    given = Path(finders.find("classifier/no_scripts.css")).read_text().replace(": ", ":")
    assert [one for one in wanted[1].split(";") if f"{one};" not in given] == []


@pytest.mark.parametrize("scripts", [True, False])
def test_result_has_one_address_and_one_look_however_it_is_reached(open_browser, photograph, scripts):
    page = open_browser(java_script_enabled=scripts)
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    address = f"/predictions/{Prediction.objects.get().pk}/"
    seen = []
    for go in (lambda: None, page.reload, lambda: page.goto(address)):
        go()
        assert page.url.endswith(address)
        parts = ("h1", ".picture", "[data-prediction]", ".details-list")
        seen.append([page.locator(part).bounding_box() for part in parts])
    assert seen[0] == seen[1] == seen[2]
    page.goto(f"{address}explanation/")
    page.go_back()
    expect(page.locator("[data-prediction]")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-upload]")).to_be_visible()
    assert Prediction.objects.count() == 1


def test_reload_of_what_is_not_kept_sends_nothing_again(open_browser, photograph):
    page = open_browser()
    page.goto("/")
    page.get_by_label("Keep the photo").select_option("do not keep: only show the result")
    page.set_input_files("[data-upload-input]", photograph)
    expect(page.locator("[data-not-kept]")).to_be_visible()
    page.wait_for_load_state()  # Its script has run.
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.reload()
    expect(page.locator("[data-upload]")).to_be_visible()
    assert "POST" not in sent


def test_form_on_its_way_is_not_sent_again(open_browser):
    page = open_browser()
    page.goto("/")
    submit_twice = "form => [1, 2].map(() => form.dispatchEvent(new SubmitEvent('submit', { cancelable: true })))"
    assert page.locator("[data-upload]").evaluate(submit_twice) == [True, False]


def test_dropped_file_is_previewed_and_classified(open_browser):
    page = open_browser()
    page.goto("/")
    dropped = page.evaluate_handle(
        """content => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        base64.b64encode(image_bytes()).decode(),
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
    expect(page.locator("[data-upload].dropping")).to_have_count(1)
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    send(page)
    expect(page.locator("figcaption")).to_have_text("dropped.jpg")


def test_without_javascript_the_form_does_the_same(open_browser, photograph):
    page = open_browser(java_script_enabled=False)
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    assert Prediction.objects.count() == 1
    page.goto("/history/")
    expect(page.locator(".history a")).to_have_count(1)


def test_heic_is_shown_though_the_browser_cannot_read_it(open_browser, tmp_path):
    (tmp_path / "photo.heic").write_bytes(image_bytes("HEIF"))
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", tmp_path / "photo.heic")
    expect(page.locator(".upload-preview")).to_be_hidden()
    send(page)
    assert is_painted(page, "figure img")


def test_person_signs_up_keeps_the_upload_and_deletes_it(open_browser, photograph, stored_files):
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    page.get_by_role("link", name="Sign up").first.click()
    page.fill("[name=username]", "taras")
    page.fill("[name=password1]", "correct horse battery")
    page.fill("[name=password2]", "correct horse battery")
    page.locator("main [type=submit]").click()
    expect(page.locator(".history a")).to_have_count(1)
    assert Prediction.objects.get().upload.owner.username == "taras"
    page.locator(".history a").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No images yet.")).to_be_visible()
    assert stored_files() == []


def test_superuser_finds_the_upload_in_the_admin(open_browser):
    prediction = make_prediction(name="from somebody.jpg")
    page = open_browser()
    sign_in(page, make_superuser())
    page.goto("/admin/classifier/prediction/")
    expect(page.get_by_text("from somebody.jpg")).to_be_visible()
    assert is_painted(page, f"img[src*='{prediction.upload_id}']")


def test_page_follows_a_training_run_in_progress(open_browser):
    run = training.begin_run(run_settings=run_settings(small_dataset()))
    page = open_browser()
    page.goto(f"/training/{run.pk}/")
    progress = page.locator("[data-run]")
    expect(progress).to_have_attribute("data-epochs", "0")
    training.record_epoch(run=run, record=EpochRecord(1, 2.0, 0.25, 1.9, 0.3125, 1e-3, 1.5))
    expect(progress).to_have_attribute("data-epochs", "1")
    expect(progress).to_contain_text("31.25%")
    training.end_run(run=run, status=TrainingRun.Status.FINISHED)
    expect(progress).to_have_attribute("data-status", "finished")
    expect(progress).not_to_have_attribute("hx-trigger", "every 2s")


def test_photograph_of_no_class_is_classified_as_none(open_browser, photograph, tmp_path):
    publish(folder=doubtful_model(tmp_path / "doubtful"), activate=True)
    page = open_browser()
    page.goto("/")
    page.set_input_files("[data-upload-input]", photograph)
    send(page)
    heading = page.get_by_role("heading", name="No answer: the image is unlike")
    expect(heading).to_be_visible()
    expect(page.locator("[data-prediction]")).to_have_attribute("data-abstained", "true")
    page.goto("/history/")
    expect(page.locator(".history a")).to_contain_text("No answer")
    page.locator(".history a").click()
    expect(heading).to_be_visible()
