"""Requests that no browser makes: names, forms and bodies that are wrong in every way that somebody has thought of."""

import json
import re

import pytest
from django.test import Client
from django.test.client import FakePayload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.models import Prediction, Upload
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.factories import image_bytes, make_prediction

pytestmark = pytest.mark.django_db

BOUNDARY = b"a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY.decode()}"
ADDRESSES = ["/", PREDICTIONS]


@pytest.fixture(params=["page", "API"])
def sender(request, user, user_client) -> Client:
    """Somebody who is signed in at the pages, or a program of theirs."""
    sender = user_client if request.param == "page" else program(user)
    sender.raise_request_exception = True
    sender.address = "/" if request.param == "page" else PREDICTIONS
    return sender


def part(name: bytes, content: bytes, filename: bytes | None = None) -> bytes:
    disposition = b'Content-Disposition: form-data; name="' + name + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"\r\nContent-Type: image/jpeg'
    return b"--" + BOUNDARY + b"\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"


def send(sender: Client, body: bytes, content_type: str = MULTIPART, **headers):
    return sender.generic("POST", sender.address, body, content_type, headers=headers)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


# Names


NAMES = {
    "300 letters": ("x" * 300 + ".jpg", "x" * 251 + ".jpg"),
    "300 letters of many bytes": ("ї" * 300 + ".jpg", "ї" * 251 + ".jpg"),
    "a path": ("../../../etc/passwd", "passwd"),
    "a path in a name's place": ("..%2f..%2fetc%2fpasswd", "..%2f..%2fetc%2fpasswd"),
    "a path of Windows": ("C:\\Windows\\system32\\cmd.exe", "cmd.exe"),
    "from right to left": ("photo\u202egpj.exe", "photogpj.exe"),
    "a null byte": ("photo.php\0.jpg", "photo.php.jpg"),
    "lines": ("a\tb\x0bc\x1b[31m.jpg", "abc[31m.jpg"),
    "markup": ("&lt;img src=x onerror=alert(1)&gt;.jpg", "<img src=x onerror=alert(1)>.jpg"),
    "a template": ("{{ 7*7 }}{% debug %}.jpg", "{{ 7*7 }}{% debug %}.jpg"),
    "a formula": ("=cmd|'calc'!A0.jpg", "=cmd|'calc'!A0.jpg"),
    "no letters": ("\u200b\u200d.jpg", ".jpg"),
}


@pytest.mark.parametrize(("name", "kept"), NAMES.values(), ids=NAMES)
def test_any_name_is_kept_as_letters_and_none_reaches_the_disk(sender, stored_files, name, kept):
    response = send(sender, form(part(b"image", image_bytes(), name.encode())))
    assert response.status_code in (201, 302)
    if response.status_code == 302:
        response = sender.get(response["Location"])
    upload = Upload.objects.get()
    assert upload.original_name == kept
    assert re.fullmatch(f"uploads/{upload.pk.hex[:2]}/{upload.pk}-[a-z0-9]{{12}}.jpg", upload.file.name)
    assert stored_files() == sorted([upload.file.name, upload.thumbnail.name])
    assert b"<img src=x" not in response.content or sender.address == PREDICTIONS
    assert b"49{%" not in response.content


@pytest.mark.parametrize("name", ["", ".", "..", "/", "\\", "\0", "a/", "../"])
def test_file_without_a_name_is_no_file_but_no_fault(sender, stored_files, name):
    response = send(sender, form(part(b"image", image_bytes(), name.encode())))
    assert response.status_code in (200, 400)
    assert Upload.objects.count() == 0 == len(stored_files())


@given(name=st.text(max_size=300), content=st.sampled_from([image_bytes(), b"x"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_is_a_fault(sender, name, content):
    quoted = name.replace('"', "").replace("\r", "").replace("\n", "").encode(errors="replace")
    count = Upload.objects.count()
    response = send(sender, form(part(b"image", content, quoted)))
    assert response.status_code in (201, 302, 400)
    assert Upload.objects.count() - count <= (content != b"x")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_of_a_whole_body_is_kept_as_letters(user, name):
    header = f'attachment; filename="{name[0]}"'.encode().decode("latin-1")
    headers = {"Content-Disposition": header}
    response = program(user).post(PREDICTIONS, image_bytes(), content_type="image/jpeg", headers=headers)
    assert response.status_code == 201
    kept = Upload.objects.get().original_name
    assert "/" not in kept
    assert "\0" not in kept
    assert len(kept) <= 255


# Forms


def test_ten_thousand_fields_are_too_many(sender, stored_files):
    fields = b"".join(part(b"field%d" % number, b"") for number in range(10_000))
    response = send(sender, form(fields, part(b"image", image_bytes(), b"x.jpg")))
    assert response.status_code == 400
    pairs = b"&".join(b"field%d=1" % number for number in range(10_000))
    assert send(sender, pairs, "application/x-www-form-urlencoded").status_code in (400, 415)
    assert Upload.objects.count() == 0 == len(stored_files())


def test_a_thousand_files_are_too_many(sender, stored_files):
    response = send(sender, form(part(b"image", b"x", b"x.jpg") * 1000))
    assert response.status_code == 400
    assert stored_files() == []


def test_field_of_ten_megabytes_is_too_long(sender, stored_files):
    response = send(sender, form(part(b"keep", b"1" * 10_000_000), part(b"image", image_bytes(), b"x.jpg")))
    assert response.status_code in (400, 413)
    assert send(sender, b"keep=" + b"1" * 10_000_000, "application/x-www-form-urlencoded").status_code in (413, 415)
    assert stored_files() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--a-boundary",
        b"--a-boundary--",
        form(),
        b"\r\n" * 10_000,
        part(b"image", image_bytes()),
        form(part(b"image", image_bytes())),
        form(b"--a-boundary\r\n\r\n"),
        form(b"--a-boundary\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
        form(b"--a-boundary\r\nContent-Disposition: form-data; name*=utf-8''%ff\r\n\r\nx\r\n"),
        form(b"--a-boundary\r\n" + b"X: y\r\n" * 5000 + b"\r\nx\r\n"),
        form(b"--a-boundary\r\nContent-Transfer-Encoding: base64\r\n" + part(b"image", b"!", b"x.jpg")[14:]),
        b"\xff" * 5000,
    ],
)
def test_form_that_is_none_is_refused(sender, stored_files, body):
    response = send(sender, body)
    assert 400 <= response.status_code < 500
    assert Upload.objects.count() == 0 == len(stored_files())


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 5000,
        'multipart/form-data; boundary="\xff"',
        "multipart/mixed; boundary=a-boundary",
        "text/plain; charset=nonsense",
        "application/x-www-form-urlencoded; charset=nonsense",
        "nonsense",
        "",
    ],
)
def test_content_type_that_is_none_is_refused(sender, stored_files, content_type):
    response = send(sender, form(part(b"image", image_bytes(), b"x.jpg")), content_type)
    assert 400 <= response.status_code < 500
    assert Upload.objects.count() == 0 == len(stored_files())


@pytest.mark.parametrize("charset", ["nonsense", "utf-7", "utf-16", "rot13", "zip", "idna", "undefined"])
def test_charset_that_is_none_is_no_fault(sender, charset):
    response = send(sender, form(part(b"image", image_bytes(), b"x.jpg")), f"{MULTIPART}; charset={charset}")
    assert response.status_code in (201, 302, 400)


@given(body=st.binary(max_size=500))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_is_a_fault(sender, body):
    for whole in (body, part(b"image", body, b"x.jpg"), b"--a-boundary\r\n" + body):
        assert 400 <= send(sender, whole).status_code < 500
    assert Upload.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "values"), [("keep", ["x", "\0", "-1", "9" * 400, "7\n"]), ("submission", ["x", "\0"])]
)
def test_fields_beside_the_image_that_are_wrong_are_refused(user_client, stored_files, field, values):
    user_client.address = "/"
    for value in values:
        body = form(part(field.encode(), value.encode()), part(b"image", image_bytes(), b"x.jpg"))
        assert send(user_client, body).status_code in (200, 400)
    assert len(stored_files()) == 2 * Upload.objects.count()


# Bodies


class Unread(FakePayload):
    def read(self, *_arguments) -> bytes:
        raise AssertionError("it was read")


def announce(sender: Client, address: str, megabytes: float, content_type: str = MULTIPART):
    """Send a head that announces a body which fails the test when it is read."""
    length = str(int(megabytes * 1_000_000))
    return sender.generic("POST", address, b"x", content_type, CONTENT_LENGTH=length, **{"wsgi.input": Unread()})


@pytest.mark.parametrize("content_type", [MULTIPART, "image/jpeg"])
def test_more_than_the_largest_image_is_refused_unread_with_the_limit(sender, settings, content_type):
    settings.MAX_UPLOAD_MEGABYTES = 1
    response = announce(sender, sender.address, 5.1, content_type)
    assert response.status_code == 413
    assert "at most 1 MB" in response.text


def test_more_than_a_batch_of_the_largest_images_is_refused_unread(user, settings):
    settings.MAX_UPLOAD_MEGABYTES = 1
    batch = f"{PREDICTIONS}batch/"
    problem_of(announce(program(user), batch, 36.1), 413)
    # A smaller one is read, and this one ends the test there.
    with pytest.raises(AssertionError, match="it was read"):
        announce(program(user), batch, 35.9)


FILELESS = ["/i18n/setlang/", "/accounts/sign-in/", "/accounts/sign-up/", "/history/delete/", "/history/selected/"]


@pytest.mark.parametrize("address", [*FILELESS, "/admin/login/"])
def test_route_without_files_refuses_large_bodies(client, address):
    assert announce(client, address, 3).status_code == 413


@pytest.mark.parametrize("address", ["/", *FILELESS, "/admin/login/"])
def test_form_without_a_csrf_cookie_is_refused_unread(address):
    assert announce(Client(enforce_csrf_checks=True), address, 2).status_code == 403


def test_json_of_megabytes_is_refused_unread(user):
    prediction = make_prediction(user)
    body = json.dumps({"label": "x" * 5_000_000})
    response = program(user).put(f"{PREDICTIONS}{prediction.pk}/correction/", body, content_type="application/json")
    problem_of(response, 413)


@pytest.mark.parametrize("body", ['{"label":' + "[" * 2000 + "]" * 2000 + "}", "[" * 100_000, '{"a":' * 2000])
def test_json_that_is_nested_too_deeply_is_refused_as_any_that_is_none(user, body):
    address = f"{PREDICTIONS}{make_prediction(user).pk}/"
    problem = problem_of(program(user).put(f"{address}correction/", body, content_type="application/json"), 400)
    assert problem["detail"] == "This JSON is nested too deeply."
    # Signed in by the session cookie, the API checks the CSRF token, which it looks for in the body of every URL.
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    client.cookies["csrftoken"] = "a" * 32
    for path in (address, f"{address}correction/"):
        problem_of(client.post(path, body, content_type="application/json"), 400)


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "9" * 400])
def test_length_that_is_none_is_no_fault(sender, length):
    response = sender.generic("POST", sender.address, form(), MULTIPART, CONTENT_LENGTH=length)
    assert 400 <= response.status_code < 500


def test_body_in_chunks_is_refused_unread_with_a_reason(sender, stored_files):
    chunks = {"Transfer-Encoding": "chunked"}
    response = sender.generic(
        "POST",
        sender.address,
        form(part(b"image", image_bytes(), b"x.jpg")),
        MULTIPART,
        headers=chunks,
        CONTENT_LENGTH="",
    )
    assert response.status_code == 411
    assert "does not state its length" in response.text
    if sender.address == PREDICTIONS:
        assert problem_of(response, 411)["detail"].endswith("with a Content-Length header.")
    assert Upload.objects.count() == 0 == len(stored_files())


def cut_off(error: OSError) -> dict[str, object]:
    """What a server hands over of a body of which nothing arrives before this happens."""

    class Broken(FakePayload):
        def read(self, *_arguments) -> bytes:
            raise error

    return {"CONTENT_LENGTH": "5000", "wsgi.input": Broken()}


@pytest.mark.parametrize(("error", "status"), [(ConnectionResetError("gone"), 400), (TimeoutError("slow"), 408)])
@pytest.mark.parametrize("enforce_csrf_checks", [False, True])
@pytest.mark.parametrize("address", [*ADDRESSES, BATCH, "/accounts/sign-in/", "/accounts/sign-up/", "/admin/login/"])
def test_body_that_breaks_off_is_refused(user, stored_files, address, error, status, enforce_csrf_checks):
    sender = program(user) if address.startswith("/api/") else Client(enforce_csrf_checks=enforce_csrf_checks)
    sender.cookies["csrftoken"] = "a" * 32
    response = sender.generic("POST", address, b"x", MULTIPART, **cut_off(error))
    assert response.status_code == status
    if address.startswith("/api/"):
        assert problem_of(response, status)["detail"].endswith("Please send it again.")
    assert Prediction.objects.count() == 0 == len(stored_files())


@pytest.mark.parametrize("content_type", [MULTIPART, "image/jpeg"])
def test_body_that_breaks_off_is_refused_where_the_session_counts_for_the_api(user_client, stored_files, content_type):
    """There the token is looked for in the body, and one that cannot be read is swallowed."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = user_client.cookies
    client.get("/")
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}
    broken = cut_off(ConnectionResetError("gone"))
    response = client.generic("POST", PREDICTIONS, b"x", content_type, headers=token, **broken)
    problem_of(response, 400)
    assert Prediction.objects.count() == 0 == len(stored_files())


def test_page_says_why_it_could_not_read_what_was_sent(client):
    response = client.generic("POST", "/", b"x", MULTIPART, **cut_off(TimeoutError()))
    assert "arrived too slowly" in response.content.decode()
    assert "Nothing was saved" in response.content.decode()
