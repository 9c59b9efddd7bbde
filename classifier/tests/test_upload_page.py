import hashlib
import logging
import re
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.test import Client
from django.urls import set_script_prefix
from PIL import Image

from classifier.forms.uploads import UploadForm
from classifier.models import ModelVersion, Prediction, Upload
from classifier.services.people.ownership import Owner
from classifier.services.predictions.intake import clean_name
from classifier.services.predictions.submission import submit
from classifier.tests.factories import SHIPPED_FOLDER, image_bytes, image_file, make_user
from classifier.tests.pages import elements, probabilities_of, result_of
from ml.classes import CLASS_NAMES
from ml.images import preprocessing
from ml.images.errors import ImageError
from ml.serving.inference import LoadedModel
from ml.tests.factories import encode, exif, photograph, quadrants

pytestmark = pytest.mark.django_db

KINDS = {
    "JPEG": ("JPEG", "image/jpeg", "jpg"),
    "PNG": ("PNG", "image/png", "png"),
    "WEBP": ("WEBP", "image/webp", "webp"),
    "GIF": ("GIF", "image/gif", "gif"),
    "BMP": ("BMP", "image/bmp", "bmp"),
    "HEIF": ("HEIF", "image/heic", "heic"),
    "AVIF": ("AVIF", "image/avif", "avif"),
    "TIFF": ("TIFF", "image/tiff", "tif"),
}
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
BAD_FILES = {
    "empty": (b"", 400, "The file is empty"),
    "text": (b"This is no photograph.", 400, "This is a text file"),
    "truncated": (image_bytes()[:-400], 400, "damaged or incomplete"),
    "svg": (SVG, 400, "This is an SVG drawing"),
    "too many bytes": (image_bytes("BMP", width=700, height=500), 413, "larger than 1 MB"),
    "too many pixels": (image_bytes("GIF", width=1100, height=1000), 413, "more than 1 megapixels"),
    "too small": (image_bytes("PNG", width=7, height=64), 400, "7 × 64 pixels; each side needs at least 8"),
}
ODD_NAMES = {
    "../../etc/passwd.jpg": "passwd.jpg",
    "C:\\Users\\me\\cat.jpg": "cat.jpg",
    "two\r\nlines\x07\x1b.jpg": "twolines.jpg",
    "photo\u202egpj.exe": "photogpj.exe",
    "\x00nothing\x00.jpg": "nothing.jpg",
    "x" * 300 + ".jpg": "x" * 251 + ".jpg",
    "Кіт на вікні.jpg": "Кіт на вікні.jpg",
    '<script>alert("1")</script>.jpg': "script>.jpg",
}


def upload(client, file):
    return client.post("/", {"image": file}, follow=True)


def without_tokens(page) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.text)


@pytest.fixture
def nothing_kept(stored_files, caplog):
    """Whatever the test did, it left no row and no file, and gave nobody an alarm."""
    yield
    assert not Upload.objects.exists()
    assert not Prediction.objects.exists()
    assert stored_files() == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_page_has_the_form_and_no_result(client):
    page = client.get("/")
    assert page.status_code == 200
    (field,) = elements(page, "data-upload-input")
    assert (field["type"], field["name"]) == ("file", "image")
    (form,) = elements(page, "data-upload")
    assert form["enctype"] == "multipart/form-data"
    assert elements(page, "data-prediction") == []


def test_upload_leads_to_the_page_of_its_result(client, shipped):
    page = upload(client, image_file())
    result, prediction = result_of(page), Prediction.objects.get()
    assert (page.redirect_chain, page.status_code) == ([(f"/predictions/{prediction.pk}/", 302)], 200)
    # What it shows is what the same address shows at any other time.
    assert without_tokens(client.get(f"/predictions/{prediction.pk}/")) == without_tokens(page)
    assert UUID(result["data-prediction"]) == prediction.pk
    assert result["data-class"] == prediction.predicted_class
    assert 0 <= float(result["data-confidence"]) <= 1
    assert float(result["data-confidence"]) == pytest.approx(prediction.confidence, abs=1e-6)
    assert result["data-model"] == str(shipped) == "student_cnn v1"


def test_result_shows_ten_probabilities_the_largest_first(client):
    shown = [float(bar["value"]) for bar in elements(upload(client, image_file()), "max")]
    assert len(shown) == 10
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) == pytest.approx(1, abs=1e-3)


def test_result_states_every_probability_for_programs(client):
    shown, prediction = probabilities_of(upload(client, image_file())), Prediction.objects.get()
    assert [*shown] == [name for name, _probability in prediction.ranking]
    assert [shown[name] for name in CLASS_NAMES] == pytest.approx(prediction.probabilities, abs=1e-7)


def test_upload_keeps_file_thumbnail_and_rows(client, shipped, stored_files):
    content = image_bytes()
    upload(client, image_file("my photo.jpg", content))
    kept, prediction = Upload.objects.get(), Prediction.objects.get()
    assert kept.file.read() == content
    assert Image.open(kept.thumbnail).format == "JPEG"
    assert sorted([kept.file.name, kept.thumbnail.name]) == stored_files()
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert (kept.format, kept.width, kept.height, kept.size) == ("JPEG", 150, 100, len(content))
    assert (prediction.upload, prediction.model_version) == (kept, shipped)
    assert prediction.preprocessing_version == preprocessing.PREPROCESSING_VERSION
    assert set(prediction.timings) == {"decode", "resize", "infer", "thumbnail"}


def test_probabilities_are_those_of_the_model_for_the_same_pixels(client):
    content = image_bytes()
    upload(client, image_file(content=content))
    model = LoadedModel(SHIPPED_FOLDER)
    answers = model.predict([model.prepare(preprocessing.decode(content).picture)])
    expected, prediction = answers.probabilities[0], Prediction.objects.get()
    assert prediction.probabilities == pytest.approx(expected.tolist(), abs=1e-5)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert prediction.confidence == max(prediction.probabilities)
    assert prediction.predicted_class == CLASS_NAMES[expected.argmax()]
    assert prediction.abstained == answers.abstained[0]
    assert prediction.abstention_score == pytest.approx(answers.scores[0], rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_classified(client, kind):
    file_format, content_type, extension = KINDS[kind]
    assert upload(client, image_file("photo", image_bytes(kind))).status_code == 200
    kept = Upload.objects.get()
    assert (kept.format, kept.content_type) == (file_format, content_type)
    assert kept.file.name.endswith(f".{extension}")


def test_turned_picture_is_seen_upright(client):
    turned = encode(quadrants().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(6), quality=95)
    upload(client, image_file(content=turned))
    upload(client, image_file(content=encode(quadrants(), "JPEG", quality=95)))
    seen, upright = Prediction.objects.order_by("created_at")
    assert (seen.upload.width, seen.upload.height) == (96, 64)
    assert seen.probabilities == pytest.approx(upright.probabilities, abs=0.02)


@pytest.mark.usefixtures("nothing_kept")
def test_limit_is_in_megabytes_of_a_million_bytes(client, settings):
    settings.MAX_UPLOAD_MEGABYTES = 1
    assert "larger than 1 MB" not in upload(client, image_file(content=bytes(1_000_000))).text
    assert "larger than 1 MB" in upload(client, image_file(content=bytes(1_000_001))).text


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.usefixtures("nothing_kept")
def test_bad_file_is_refused_with_its_own_message(client, settings, kind):
    settings.MAX_UPLOAD_MEGABYTES = settings.MAX_IMAGE_MEGAPIXELS = 1
    content, status, message = BAD_FILES[kind]
    page = upload(client, image_file("photo.jpg", content))
    assert page.status_code == status
    assert message in page.text
    assert sum(text in page.text for _content, _status, text in BAD_FILES.values()) == 1
    assert elements(page, "data-prediction") == []


@pytest.mark.parametrize("data", [{}, {"image": ""}, {"image": "a text, not a file"}])
@pytest.mark.usefixtures("nothing_kept")
def test_missing_file_is_asked_for(client, data):
    page = client.post("/", data)
    assert page.status_code == 400
    assert "No file was chosen" in page.text


@pytest.mark.usefixtures("nothing_kept")
def test_refused_file_leaves_the_visitor_without_a_session(client):
    upload(client, image_file(content=b"no photograph"))
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize(("name", "content_type"), [("page.html", "text/html"), ("noname", "")])
def test_bytes_alone_decide_what_a_file_is(client, name, content_type):
    assert upload(client, image_file(name, image_bytes("PNG"), content_type=content_type)).status_code == 200
    kept = Upload.objects.get()
    assert (kept.content_type, kept.file.name[-4:]) == ("image/png", ".png")


@pytest.mark.usefixtures("nothing_kept")
def test_text_that_calls_itself_an_image_is_refused(client):
    assert upload(client, image_file("cat.png", b"<html>", content_type="image/png")).status_code == 400


def test_without_an_active_model_the_page_says_so_and_keeps_nothing(client, stored_files):
    ModelVersion.objects.update(active=False)
    page = upload(client, image_file())
    assert page.status_code == 503
    assert "No model is available at the moment" in page.text
    assert (Upload.objects.count(), stored_files()) == (0, [])
    assert not Session.objects.exists()


def test_failure_to_store_the_thumbnail_leaves_nothing(client, monkeypatch, stored_files):
    save, saved = default_storage.save, []

    def fail_at_the_second(name, content):
        if saved:
            raise OSError("No space left on device")
        saved.append(save(name, content))
        return saved[0]

    monkeypatch.setattr(default_storage, "save", fail_at_the_second)
    assert upload(client, image_file()).status_code == 503
    assert len(saved) == 1
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_failure_of_the_database_leaves_nothing(client, monkeypatch, stored_files):
    def fail(*args, **options):
        assert len(stored_files()) == 2
        raise DatabaseError("disk I/O error")

    monkeypatch.setattr(Prediction, "save", fail)
    with pytest.raises(DatabaseError, match="disk I/O error"):
        upload(client, image_file())
    assert (Upload.objects.count(), stored_files()) == (0, [])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_stored_name_is_never_the_users(client, name, stored_files, media_root):
    boundary = "the-boundary"
    head = f"--{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename*=UTF-8''".encode()
    quoted = "".join(f"%{byte:02X}" for byte in name.encode()).encode()
    body = head + quoted + b"\r\nContent-Type: image/jpeg\r\n\r\n" + image_bytes() + f"\r\n--{boundary}--\r\n".encode()
    page = client.generic("POST", "/", body, f"multipart/form-data; boundary={boundary}")
    assert page.status_code == 302
    kept = Upload.objects.get()
    assert kept.original_name == ODD_NAMES[name]
    place = f"{kept.pk.hex[:2]}/{kept.pk}"
    assert stored_files() == sorted([kept.file.name, kept.thumbnail.name])
    assert [re.sub(r"-[a-z0-9]{12}\.", ".", stored) for stored in stored_files()] == [
        f"thumbnails/{place}.jpg",
        f"uploads/{place}.jpg",
    ]


def test_name_that_no_browser_has_cleaned_is_cleaned_too():
    assert clean_name("../photo\u202e\x00\ngpj.exe") == "photogpj.exe"
    assert clean_name("x" * 300) == "x" * 255


def test_thumbnail_carries_nothing_of_the_camera(client):
    tags = exif(1)
    tags[0x010F] = "A camera with a serial number"
    upload(client, image_file(content=encode(photograph(), "JPEG", exif=tags)))
    assert not Image.open(Upload.objects.get().thumbnail).getexif()


def test_upload_without_a_token_is_forbidden(stored_files):
    client = Client(enforce_csrf_checks=True)
    assert upload(client, image_file()).status_code == 403
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_upload_with_the_token_of_any_form_is_taken():
    client = Client(enforce_csrf_checks=True)
    fields = elements(client.get("/"), "value")
    tokens = {field["value"] for field in fields if field.get("name") == "csrfmiddlewaretoken"}
    assert tokens
    for token in tokens:
        assert client.post("/", {"image": image_file(), "csrfmiddlewaretoken": token}).status_code == 302


def test_forms_are_every_requests_own():
    first, second = Client(), Client()
    seen = [
        {field.get("name"): field["value"] for field in elements(client.get("/"), "value")}
        for client in (first, first, second)
    ]
    for name in ("csrfmiddlewaretoken", "submission"):
        assert len({fields[name] for fields in seen}) == 3, name
    page = first.get("/").text
    assert len(set(re.findall(r'name="submission"[^>]* value="([0-9a-f-]{36})"', page))) == 2


def test_header_names_the_person_signed_in_and_leads_back_to_the_page(client, db):
    for name in ("olena", "taras"):
        client.force_login(make_user(name))
        page = client.get(f"/?from={name}").text
        assert f'<span class="user-name">{name}</span>' in page
        assert f'name="next" value="/?from={name}"' in page
        assert ({"olena", "taras"} - {name}).pop() not in page
    client.logout()
    assert "taras" not in client.get("/").text


def test_form_leads_to_where_the_site_lies(client):
    set_script_prefix("/elsewhere/")
    try:
        page = client.get("/")
    finally:
        set_script_prefix("/")
    assert elements(page, "data-upload")[0]["action"] == "/elsewhere/"


def test_valid_form_decodes_nothing(user):
    form = UploadForm({}, {"image": image_file(content=b"no image")}, is_anonymous=False)
    assert form.is_valid()
    assert form.cleaned_data["image"].read() == b"no image"
    with pytest.raises(ImageError) as caught:
        submit(file=image_file(content=b"no image"), owner=Owner(user=user), submission=None)
    form.refuse(caught.value)
    assert (form.errors["image"], form.status) == (["This is a text file. Choose an image."], 400)


def test_refused_form_says_what_is_wrong_where_it_is(client):
    (field,) = elements(client.post("/", {"image": image_file(content=b"no"), "keep": "7"}), "aria-invalid")
    assert (field["name"], "autofocus" in field) == ("image", True)
    page = client.post("/", {"keep": "8"})
    keep, image = elements(page, "aria-invalid")
    assert ("autofocus" in keep, "autofocus" in image) == (True, False)
    texts = [element["id"] for element in elements(page, "id") if "invalid-feedback" in element.get("class", "")]
    assert texts == [field["aria-describedby"].split()[-1] for field in (keep, image)]


def test_chosen_time_to_keep_stays_chosen_for_the_next_upload(client):
    client.post("/", {"image": image_file(), "keep": "7"})
    page = client.get("/")
    assert [option["value"] for option in elements(page, "selected")] == ["7"]
    # Examples are kept as long, and a refused file changes nothing.
    assert [
        field["value"] for field in elements(page, "value") if field.get("type") == "hidden" and field["name"] == "keep"
    ] == ["7"]
    client.post("/", {"image": image_file(content=b""), "keep": "1"})
    assert [option["value"] for option in elements(client.get("/"), "selected")] == ["7"]
    client.post("/", {"image": image_file(), "keep": ""})
    assert elements(client.get("/"), "selected")[0]["value"] == ""


@pytest.mark.parametrize("cookie", ["365", "-1", "x", "0; 7"])
def test_time_to_keep_that_is_not_offered_is_not_remembered(client, cookie):
    client.cookies["keep"] = cookie
    assert [option["value"] for option in elements(client.get("/"), "selected")] == [""]


def test_same_file_twice_is_two_results(client):
    first, second = (result_of(upload(client, image_file()))["data-prediction"] for _ in range(2))
    assert first != second
    assert Upload.objects.values("sha256").distinct().count() == 1
