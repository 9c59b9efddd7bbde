"""Images and thumbnails, downloaded by a program."""

import io

import pytest
from PIL import Image

from classifier.tests.api import PREDICTIONS, problem_of, program
from classifier.tests.factories import image_bytes, image_file, make_prediction

pytestmark = pytest.mark.django_db


def test_image_is_served_unchanged(user):
    content, api = image_bytes("PNG", width=900, height=600), program(user, scope="write")
    made = api.post(PREDICTIONS, {"image": image_file("kitchen.jpg", content)}).json()
    response = program(user, scope="read", name="another").get(made["image"], headers={"Accept": "image/*"})
    assert b"".join(response) == content
    assert response["Content-Type"] == made["upload"]["content_type"] == "image/png"
    assert response["Content-Disposition"] == 'inline; filename="kitchen.png"'
    assert response["Content-Length"] == str(len(content))


def test_thumbnail_is_a_small_jpeg(user):
    api = program(user)
    made = api.post(PREDICTIONS, {"image": image_file(content=image_bytes(width=900, height=600))}).json()
    with Image.open(io.BytesIO(b"".join(api.get(made["thumbnail"])))) as thumbnail:
        assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", 320)


def test_unstored_prediction_has_no_picture_links(user):
    made = program(user).post(f"{PREDICTIONS}?keep=0", {"image": image_file()}).json()
    assert (made["image"], made["thumbnail"]) == (None, None)


def test_picture_whose_file_is_gone_is_a_problem(user):
    prediction, api = make_prediction(user), program(user)
    prediction.upload.file.storage.delete(prediction.upload.file.name)
    problem_of(api.get(f"{PREDICTIONS}{prediction.pk}/image/"), 404)
    assert api.get(f"{PREDICTIONS}{prediction.pk}/thumbnail/").status_code == 200


def test_client_that_accepts_no_images_gets_406(user):
    address = f"{PREDICTIONS}{make_prediction(user).pk}/image/"
    problem_of(program(user).get(address, headers={"Accept": "application/json"}), 406)
