"""The page of a result: how far the answer can be relied on, and the ways on from there."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from classifier.models import Prediction
from classifier.services.predictions.explanation import Track, explain_prediction, map_png
from classifier.services.predictions.verdict import Assessment, Verdict, assess, verdict_of
from classifier.tests.browser import is_painted, sign_in
from classifier.tests.factories import make_prediction
from classifier.tests.pages import elements, probabilities_of
from ml.classes import CLASS_NAMES


def of_shares(owner, first: float, second: float, **changes) -> Prediction:
    """A prediction of "airplane", with "automobile" as the runner-up."""
    rest = (1 - first - second) / 8
    shares = [first, second, *[rest] * 8]
    return make_prediction(
        owner, predicted_class="airplane", confidence=first, probabilities=shares, abstained=False, **changes
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("shares", "verdict", "words"),
    [((0.95, 0.01), "sure", "Sure"), ((0.75, 0.05), "fairly-sure", "Fairly sure"), ((0.4, 0.3), "unsure", "Unsure")],
)
def test_page_says_in_a_word_how_sure_the_answer_is(user, user_client, shares, verdict, words):
    page = user_client.get(f"/predictions/{of_shares(user, *shares).pk}/")
    (shown,) = elements(page, "data-verdict")
    assert shown["data-verdict"] == verdict
    assert f">{words}</span>" in page.text
    assert ("It may also be: automobile." in page.text) == (verdict == "unsure")


@pytest.mark.django_db
def test_abstention_is_no_match(user, user_client):
    page = user_client.get(f"/predictions/{make_prediction(user, abstained=True).pk}/")
    assert [shown["data-verdict"] for shown in elements(page, "data-verdict")] == ["no-match"]
    assert elements(page, "data-stability") == elements(page, "data-heat") == []


@pytest.mark.django_db
def test_stability_is_measured_once_where_the_margin_is_small(user, user_client):
    doubtful, clear = of_shares(user, 0.4, 0.3), of_shares(user, 0.95, 0.01)
    expected = explain_prediction(prediction=doubtful)
    assessment = assess(prediction=doubtful)
    assert (assessment.same, assessment.tried) == (expected.same, expected.tried)
    assert assess(prediction=clear).tried == 0
    # It is not measured again: the file may be gone.
    doubtful.upload.file.delete(save=False)
    (shown,) = elements(user_client.get(f"/predictions/{doubtful.pk}/"), "data-stability")
    assert shown["data-stability"] == str(expected.same)


@pytest.mark.django_db
def test_answer_without_its_file_is_judged_by_its_confidence(user):
    prediction = of_shares(user, 0.65, 0.3)
    prediction.upload.file.delete(save=False)
    assert assess(prediction=Prediction.objects.get()) == Assessment(Verdict.FAIRLY_SURE)


@pytest.mark.parametrize(
    ("confidence", "stability", "verdict"),
    [
        (0.97, 1.0, Verdict.SURE),
        (0.97, 7 / 9, Verdict.FAIRLY_SURE),
        (0.97, 2 / 9, Verdict.UNSURE),
        (0.7, 5 / 9, Verdict.UNSURE),
    ],
)
def test_unstable_answer_is_never_sure(confidence, stability, verdict):
    assert verdict_of(confidence, stability) == verdict


@pytest.mark.parametrize(
    ("right", "shown"),
    [(0.763, (8, 10)), (0.92, (9, 10)), (0.949, (9, 10)), (0.991, (99, 100)), (0.999, (99, 100)), (1, (100, 100))],
)
def test_share_of_right_answers_is_said_in_small_numbers(right, shown):
    assert Assessment(Verdict.SURE, track=Track(0.8, 0.9, 300, right)).right_of == shown


@pytest.mark.django_db
def test_page_says_how_many_such_answers_are_right_if_that_was_measured(user, user_client):
    prediction = of_shares(user, 0.9, 0.05, seen_whole=True)
    right, of = assess(prediction=prediction).right_of
    assert f"About {right} of {of} such answers are right." in user_client.get(f"/predictions/{prediction.pk}/").text
    photograph = of_shares(user, 0.9, 0.05, seen_whole=False)
    assert "such answers are right" not in user_client.get(f"/predictions/{photograph.pk}/").text


@pytest.mark.django_db
def test_three_bars_are_shown_and_the_others_on_request(user, user_client):
    page = user_client.get(f"/predictions/{make_prediction(user).pk}/").text
    shown, more = page.split('<details class="more">')
    assert (len(probabilities_of(shown)), len(probabilities_of(more))) == (3, len(CLASS_NAMES) - 3)
    assert "7 more classes" in more


@pytest.mark.django_db
def test_results_lead_to_the_newer_and_the_older_one(user, user_client):
    first, second, third = (make_prediction(user, seed=seed) for seed in range(3))
    make_prediction()

    def links(prediction):
        page = user_client.get(f"/predictions/{prediction.pk}/")
        return {one["rel"]: one["href"] for one in elements(page, "rel") if one["rel"] in ("prev", "next")}

    assert links(second) == {"prev": f"/predictions/{third.pk}/", "next": f"/predictions/{first.pk}/"}
    assert links(first) == {"prev": f"/predictions/{second.pk}/"}
    assert links(third) == {"next": f"/predictions/{second.pk}/"}


@pytest.mark.django_db
def test_heat_map_over_an_upload_leaves_out_what_the_network_did_not_see(user):
    prediction = make_prediction(user, abstained=False, seen_whole=False)
    heat = Image.open(io.BytesIO(map_png(prediction=prediction, over_upload=True)))
    assert heat.size == (prediction.upload.width, prediction.upload.height)
    alpha = heat.getchannel("A")
    left, upper, right, lower = alpha.getbbox()
    # 70% of each side, in the middle.
    assert (left, upper) >= (round(0.15 * heat.width) - 1, round(0.15 * heat.height) - 1)
    assert (right, lower) <= (round(0.85 * heat.width) + 1, round(0.85 * heat.height) + 1)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_keys_lead_through_the_results_and_confirm(open_browser, user):
    older, newer = (make_prediction(user, seed=seed, predicted_class="cat", abstained=False) for seed in range(2))
    page = open_browser()
    sign_in(page, user)
    page.goto(f"/predictions/{newer.pk}/")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/predictions/{older.pk}/")
    page.keyboard.press("y")
    expect(page.locator("[data-corrected=cat]")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/predictions/{newer.pk}/")
    older.refresh_from_db()
    assert older.was_right


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_heat_map_is_laid_over_the_image_on_request(open_browser, user):
    prediction = make_prediction(user, abstained=False)
    page = open_browser()
    sign_in(page, user)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "map.png" in request.url else None)
    page.goto(f"/predictions/{prediction.pk}/")
    expect(page.locator(".heat")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert asked == []
    page.get_by_label("Heat map").check()
    expect(page.locator(".heat")).to_be_visible()
    assert is_painted(page, ".heat")
    image, heat = (page.locator(f".frame {part}").bounding_box() for part in ("img:first-child", ".heat"))
    assert heat == image
    page.get_by_label("Heat map").uncheck()
    expect(page.locator(".heat")).to_be_hidden()
    # Without scripts "Why?" shows it, and no model works for what nobody sees.
    plain = open_browser(java_script_enabled=False)
    sign_in(plain, user)
    plain.goto(f"/predictions/{prediction.pk}/")
    expect(plain.get_by_label("Heat map")).to_be_hidden()
    expect(plain.locator(".heat")).to_have_count(0)
