"""Files that mean no good, sent to the pages and the API: answered, or refused in time and without a trace."""

import os
import sys
import time
from collections.abc import Callable
from random import Random

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.models import Prediction, Upload
from classifier.services.predictions import decoding
from classifier.services.predictions.intake import read_image
from classifier.tests.api import BATCH, PREDICTIONS, PROBLEM, problem_of, program
from classifier.tests.corpus import (
    SCRIPTS,
    bombs,
    damaged,
    every_format,
    odd_sizes,
    polyglots,
    rubbish_metadata,
)
from classifier.tests.factories import image_bytes, image_file
from ml.images.decoder_pool import Decoders
from ml.images.errors import ImageError
from ml.images.formats import FORMATS
from ml.tests.factories import encode, photograph

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::UserWarning:PIL")]

REFUSED = (400, 413)
SOON = 15
KINDS = [*FORMATS]


@pytest.fixture
def sends(client, stored_files) -> Callable[..., HttpResponse]:
    """A function that uploads a file on the first page, and checks that a refused one leaves nothing behind."""

    def send(content: bytes, name: str = "photo.jpg", content_type: str = "image/jpeg") -> HttpResponse:
        before = counts(stored_files)
        started = time.monotonic()
        response = client.post("/", {"image": SimpleUploadedFile(name, content, content_type)})
        assert time.monotonic() - started < SOON
        assert response.status_code in (302, *REFUSED), name
        kept = int(response.status_code == 302)
        assert counts(stored_files)[:2] == (before[0] + kept, before[1] + kept)
        assert stored_files() == files_of_rows()
        return response

    return send


def counts(stored_files: Callable[[], list[str]]) -> tuple[int, int, int]:
    return Upload.objects.count(), Prediction.objects.count(), len(stored_files())


def files_of_rows() -> list[str]:
    """The files of all uploads, with the working copies of those that take long to decode."""
    rows = Upload.objects.values_list("file", "thumbnail", "working_copy")
    return sorted(name for row in rows for name in row if name)


def is_read(content: bytes, name: str = "photo.jpg") -> bool:
    """Whether the file is taken; anything but an ImageError fails the test, and so does taking long."""
    started = time.monotonic()
    try:
        image = read_image(SimpleUploadedFile(name, content))
    except ImageError:
        return False
    finally:
        assert time.monotonic() - started < SOON
    assert image.decoded.format in FORMATS
    assert image.decoded.picture.mode == "RGB"
    return True


def test_every_format_that_pillow_writes_is_known_by_its_bytes_under_any_name(sends):
    formats = [*every_format()]
    assert len(formats) > 20
    accepted = set()
    for kind, content in formats:
        names = [f"right.{kind.lower()}", "wrong.jpg", "wrong.exe", "no name"]
        statuses = {sends(content, name, "text/html").status_code for name in names}
        assert len(statuses) == 1
        if statuses == {302}:
            accepted.add(kind)
    assert accepted >= {*FORMATS}
    assert accepted <= {*FORMATS, "MPO", "DIB"}


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("JPEG", (800, 600)),
        ("PNG", (240, 160)),
        ("HEIF", (800, 600)),
        ("WEBP", (600, 450)),
        ("GIF", (320, 240)),
        ("BMP", (200, 150)),
        ("AVIF", (800, 600)),
        ("TIFF", (200, 150)),
    ],
)
def test_file_cut_at_any_kilobyte_is_refused(kind, size):
    options = {"quality": 90} if kind in ("HEIF", "AVIF") else {}
    content = encode(photograph(*size), kind, **options)
    cuts = range(1024, len(content) - 64, 1024)
    assert len(cuts) > 50
    assert not any(is_read(content[:cut]) for cut in cuts)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_file_is_refused_by_the_page_and_leaves_nothing(sends, kind):
    content = encode(photograph(200, 150), kind)
    for share in (0.01, 0.2, 0.5, 0.8, 0.98):
        assert sends(content[: int(share * len(content))]).status_code in REFUSED


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_are_answered_or_refused_by_the_page(sends, kind):
    """In the header, where they are refused, and anywhere, where some formats cannot tell."""
    content = encode(photograph(200, 150), kind)
    choose = Random(kind)  # noqa: S311 - the same ones every time
    for end in (64, 64, 64, len(content), len(content), len(content)):
        places = [choose.randrange(4, end) for _ in range(12)]
        sends(damaged(content, places, [choose.randrange(8) for _ in places]))
    assert sends(damaged(content, range(64), [7] * 64)).status_code in REFUSED


@given(
    kind=st.sampled_from(KINDS),
    positions=st.lists(st.integers(0, 2**16), min_size=1, max_size=12),
    bits=st.lists(st.integers(0, 7), min_size=12, max_size=12),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bits_are_answered_or_refused(kind, positions, bits):
    content = encode(photograph(48, 32), kind)
    is_read(damaged(content, positions, bits))


@given(
    content=st.binary(max_size=2000),
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"]),
)
@settings(max_examples=100, deadline=None)
def test_noise_is_refused(content, start):
    assert not is_read(start + content)


def test_bombs_are_refused_or_answered_in_time(sends):
    answers = {name: sends(content, "bomb.png").status_code for name, content in bombs().items()}
    assert answers == {
        "jpeg of 100,000 empty scans": 400,
        "png of 2 gigapixels": 413,
        "png of 49 megapixels of nothing": 302,
        "png whose pixels never end": 302,
        "png with 30 megabytes of text": 302,
        "png with 30 megabytes of profile": 400,
        "png with 20,000 texts": 302,
        "gif of 10,000 frames": 302,
        "gif whose frame is larger than it": 413,
        "webp of 268 megapixels": 413,
        "webp of 10,000 frames": 302,
        "heic of gigapixels": 413,
        "tiff": 413,
        "bmp of gigapixels": 413,
        "jpeg of gigapixels": 413,
    }


@pytest.mark.parametrize("cases", [odd_sizes, rubbish_metadata], ids=["sizes", "metadata"])
def test_odd_sizes_and_rubbish_in_metadata_are_answered_or_refused(sends, cases):
    statuses = [sends(content, f"{name}.jpg").status_code for name, content in cases().items()]
    assert 302 in statuses
    assert cases is rubbish_metadata or 400 in statuses


def test_polyglot_is_served_as_the_picture_that_it_is(client, sends):
    for number, (name, content) in enumerate(polyglots().items()):
        script = [*SCRIPTS][number % len(SCRIPTS)]
        sends(content, f"{name}.{script}", "text/html")
    uploads = [*Upload.objects.all()]
    assert len(uploads) > 20
    for upload in uploads:
        response = client.get(f"/uploads/{upload.pk}/image")
        assert response["Content-Type"] == FORMATS[upload.format].content_type
        extension = FORMATS[upload.format].extension
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]
        assert upload.file.name.endswith(f".{extension}")
        assert f'.{extension}"' in response["Content-Disposition"]
        assert b"".join(response.streaming_content).endswith(upload.file.read()[-20:])
        thumbnail = b"".join(client.get(f"/uploads/{upload.pk}/thumbnail").streaming_content)
        assert not any(script in thumbnail for script in SCRIPTS.values())


def test_scripts_that_are_no_picture_are_refused(sends):
    for name, script in SCRIPTS.items():
        assert sends(script, f"x.{name}").status_code == 400
        assert sends(b"GIF89a" + script, f"x.{name}.gif").status_code == 400


def test_a_batch_of_bad_files_answers_each_of_them(user, stored_files):
    files = [*bombs().items(), *odd_sizes().items()][:31]
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    response = program(user).post(
        BATCH, {"images": [*sent, SimpleUploadedFile("good.jpg", encode(photograph(), "JPEG"))]}
    )
    assert response.status_code == 200
    results = response.json()["results"]
    assert len(results) == len(files) + 1
    assert results[-1]["prediction"]
    kept = [one for one in results if one.get("prediction")]
    assert {one["problem"]["status"] for one in results if not one.get("prediction")} <= {*REFUSED}
    assert Prediction.objects.count() == Upload.objects.count() == len(kept)
    assert stored_files() == files_of_rows()


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/svg+xml", "image/x-anything"])
def test_whole_body_that_is_no_good_image_is_a_problem(user, stored_files, content_type):
    api = program(user)
    for content in (b"", SCRIPTS["svg"], bombs()["png of 2 gigapixels"], encode(photograph(), "PNG")[:500]):
        response = api.post(PREDICTIONS, content, content_type=content_type)
        assert response.status_code in REFUSED
        assert response["Content-Type"] == PROBLEM
    assert counts(stored_files) == (0, 0, 0)


def test_explanation_of_a_stored_upload_survives_what_its_file_has_become(client, sends, media_root):
    """As when the disk has damaged it since."""
    sends(encode(photograph(), "JPEG"))
    prediction = Prediction.objects.get()
    path = media_root / prediction.upload.file.name
    for content in (b"", bombs()["png of 2 gigapixels"], encode(photograph(), "PNG")[:500]):
        path.write_bytes(content)
        assert client.get(f"/predictions/{prediction.pk}/explanation/").status_code == 200
        assert client.get(f"/predictions/{prediction.pk}/seen.png").status_code == 404


def test_site_that_cannot_start_a_decoder_says_so_and_recovers(client, user, stored_files, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(decoding, "_decoders", Decoders(1, 5, 100, ["/nonexistent/python"]))
        page = client.post("/", {"image": image_file()})
        assert page.status_code == 503
        assert page["Retry-After"]
        assert "cannot process images at the moment" in page.content.decode()
        problem_of(program(user).post(PREDICTIONS, {"image": image_file()}), 503)
    assert counts(stored_files) == (0, 0, 0)
    assert client.post("/", {"image": image_file()}).status_code == 302


def test_file_that_takes_too_long_is_named(client, stored_files, monkeypatch):
    hanging = [
        sys.executable,
        "-c",
        "import socket, time; site = socket.socket(fileno=0); site.send(b'R'); time.sleep(60)",
    ]
    slow = Decoders(1, 1, 100, hanging)
    monkeypatch.setattr(decoding, "_decoders", slow)
    page = client.post("/", {"image": image_file()}, HTTP_ACCEPT_LANGUAGE="en")
    assert page.status_code == 413
    assert "takes more than 1 seconds" in page.content.decode()
    assert counts(stored_files) == (0, 0, 0)


def test_forked_process_starts_decoders_of_its_own():
    content = image_bytes()
    decoding.decode(content=content, max_pixels=10**6)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = b"none"
        try:
            answer = decoding.decode(content=content, max_pixels=10**6).format.encode()
            decoding.stop()
        finally:
            os.write(writing, answer)
            os._exit(0)
    os.close(writing)
    assert os.read(reading, 10) == b"JPEG"
    os.waitpid(child, 0)
    os.close(reading)
    assert decoding.decode(content=content, max_pixels=10**6).format == "JPEG"
