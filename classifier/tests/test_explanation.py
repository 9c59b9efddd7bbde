"""Why an answer came about: made again from the upload, by the version that gave it, for its owner alone."""

import io

import numpy as np
import pytest
from PIL import Image

from classifier.models import Prediction
from classifier.services.models.publishing import publish
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import classify
from classifier.services.predictions.explanation import explain_prediction, track_record
from classifier.services.predictions.intake import read_image
from classifier.tests.factories import another_model, image_file, make_prediction
from classifier.tests.pages import elements
from ml.tests.factories import encode, linear_grey_profile

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = ("seen.png", "map.png")


def picture(response) -> np.ndarray:
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert response["Cache-Control"] == "private, max-age=86400"
    return np.asarray(Image.open(io.BytesIO(response.content)))


def upload(user, content: bytes, name: str = "a.png") -> Prediction:
    return classify(image=read_image(image_file(name, content)), owner=Owner(user=user))


def test_network_is_seen_to_have_seen_a_thumbnail_as_it_is(user, user_client):
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    prediction = upload(user, encode(Image.fromarray(pixels), "PNG"))
    assert np.array_equal(picture(user_client.get(f"/predictions/{prediction.pk}/seen.png")), pixels)


def test_map_can_be_laid_over_the_picture(user, user_client):
    prediction = make_prediction(user, abstained=False)
    layer = picture(user_client.get(f"/predictions/{prediction.pk}/map.png"))
    assert layer.shape == (224, 224, 4)
    assert layer[..., 3].max() > 100


def test_page_says_how_far_the_answer_can_be_trusted(user, user_client):
    prediction = make_prediction(user, name="photo.jpg", confidence=0.9, abstained=False, seen_whole=False)
    page = user_client.get(f"/predictions/{prediction.pk}/explanation/")
    assert "<html" in page.text
    assert "Resized from 150 × 100 to 32 × 32 pixels." in page.text
    assert "Cropped to the centre: 70.0% of the width, 70.0% of the height." in page.text
    (stability,) = elements(page, "data-same")
    assert stability["data-tried"] == "9"
    assert 0 <= int(stability["data-same"]) <= 9
    assert elements(page, "data-track") == []


def test_thumbnails_owner_learns_how_often_it_was_right_on_test_images(user, user_client):
    prediction = make_prediction(user, confidence=0.9, seen_whole=True, abstained=False)
    page = user_client.get(f"/predictions/{prediction.pk}/explanation/")
    bins = prediction.model_version.card["metrics"]["test"]["reliability"]
    (group,) = [group for group in bins if group["low"] <= 0.9 < group["high"]]
    (track,) = elements(page, "data-track")
    assert float(track["data-track"]) == pytest.approx(group["accuracy"], abs=1e-6)
    assert f"of {group['count']} test images" in page.text
    low, high = track_record(prediction).interval
    assert low < group["accuracy"] < high
    assert f"(95% interval {100 * low:.1f}% to {100 * high:.1f}%)" in page.text


def test_a_handful_of_test_images_says_nothing_of_an_answer(user):
    prediction = make_prediction(user, confidence=0.9, seen_whole=True, abstained=False)
    assert track_record(prediction) is not None
    prediction.model_version.card["metrics"]["test"]["count"] = 199
    assert track_record(prediction) is None


def test_abstention_is_not_explained_as_if_it_were_an_answer(user, user_client):
    prediction = make_prediction(user, confidence=0.9, seen_whole=True, abstained=True)
    page = user_client.get(f"/predictions/{prediction.pk}/explanation/")
    assert "there is no prediction to explain" in page.text
    assert "map.png" not in page.text
    assert elements(page, "data-same") == elements(page, "data-track") == []
    assert user_client.get(f"/predictions/{prediction.pk}/map.png").status_code == 404
    assert "Does the image show none of the classes?" in user_client.get(f"/predictions/{prediction.pk}/").text


def test_script_gets_the_part_alone(user, user_client):
    prediction = make_prediction(user)
    part = user_client.get(f"/predictions/{prediction.pk}/explanation/", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert len(elements(part, "data-map")) == 1


@pytest.mark.parametrize(
    ("kind", "steps", "expected"),
    [
        ("turned", ("turned",), "Rotated upright"),
        ("on_white", ("on_white",), "transparent areas with white"),
        ("on_grey", ("on_grey",), "transparent areas with grey"),
        ("profile that does not fit", (), "Resized from 40 × 60"),
        ("animated", ("first_frame",), "Used the first of several frames."),
        ("profile", ("colour_profile",), "Applied the colour profile."),
        ("sixteen", ("sixteen_bits",), "from 16 to 8 bits"),
        ("plain", (), "Resized from 40 × 60"),
    ],
)
def test_every_step_of_the_preparation_is_shown(user, user_client, kind, steps, expected):
    prediction = upload(user, special(kind))
    assert explain_prediction(prediction=prediction).preparation.steps == steps
    assert expected in user_client.get(f"/predictions/{prediction.pk}/explanation/").text


def special(kind: str) -> bytes:
    """A picture of 40 by 60 pixels that asks for one step of its preparation."""
    from PIL import ImageCms

    upright = Image.effect_noise((40, 60), 60).convert("RGB")
    buffer = io.BytesIO()
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        upright.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    elif kind == "on_white":
        upright.putalpha(100)
        upright.save(buffer, "PNG")
    elif kind == "on_grey":
        upright = Image.new("RGBA", (40, 60), (255, 255, 255, 255))
        upright.paste((0, 0, 0, 0), (0, 0, 20, 60))
        upright.save(buffer, "PNG")
    elif kind == "profile that does not fit":
        upright.save(buffer, "PNG", icc_profile=linear_grey_profile())
    elif kind == "animated":
        upright.quantize().save(buffer, "GIF", save_all=True, append_images=[Image.new("P", (40, 60))])
    elif kind == "profile":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        upright.save(buffer, "PNG", icc_profile=profile)
    elif kind == "sixteen":
        Image.fromarray(np.full((60, 40), 30_000, np.uint16)).save(buffer, "PNG")
    else:
        upright.save(buffer, "PNG")
    return buffer.getvalue()


def test_version_that_answered_explains_not_the_one_that_answers_now(user, user_client, models_dir):
    prediction = make_prediction(user, abstained=False)
    before = user_client.get(f"/predictions/{prediction.pk}/map.png").content
    publish(folder=another_model(models_dir / "another"), activate=True)
    make_prediction(user, seed=2)
    assert user_client.get(f"/predictions/{prediction.pk}/map.png").content == before


def test_missing_upload_or_model_is_explained(user, user_client, models_dir, media_root):
    gone, without_model = make_prediction(user), None
    publish(folder=another_model(models_dir / "another"), activate=True)
    without_model = make_prediction(user, seed=2)
    publish(folder=another_model(models_dir / "third"), activate=True)
    make_prediction(user, seed=3)
    (models_dir / "another").rename(models_dir / "elsewhere")
    (media_root / gone.upload.file.name).unlink()
    for prediction in (gone, without_model):
        page = user_client.get(f"/predictions/{prediction.pk}/explanation/")
        assert page.status_code == 200
        assert "no longer exists" in page.text
        assert user_client.get(f"/predictions/{prediction.pk}/map.png").status_code == 404


@pytest.mark.parametrize("path", ["explanation/", *PICTURES])
def test_nobody_sees_somebody_elses(client, user, path):
    prediction = make_prediction(user)
    assert client.get(f"/predictions/{prediction.pk}/{path}").status_code == 404


def test_network_that_was_not_tested_has_no_track_record(user):
    prediction = make_prediction(user, confidence=0.9, seen_whole=True, abstained=False)
    assert track_record(prediction) is not None
    prediction.network = "photographs"
    assert track_record(prediction) is None
