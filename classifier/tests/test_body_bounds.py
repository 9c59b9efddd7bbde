"""No route reads a body that is larger than it can use: asked of all of them over the wire, with heads alone."""

import json
import re
import socket
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.conf import settings

from classifier.services.predictions.batch import MOST_IMAGES
from classifier.tests.routes import Route, routes
from classifier.tests.server import Site, serve
from classifier.web.bodies import most_bytes
from classifier.web.limits import archives_of, images_of

MEGABYTE = 1_000_000
#: An answer takes this at most on a busy machine. A body that does not come is waited for longer.
PATIENCE, CLIENT_SECONDS = 20, 60
#: What stands in addresses. None of it has to be there: the body is refused before anybody looks.
FACTS = {
    **dict.fromkeys(("prediction", "upload", "token", "object", "job", "classifier", "example"), UUID(int=0)),
    **dict.fromkeys(("group", "pupil", "pupils_classifier"), UUID(int=0)),
    "class": 1,
    "model": "student_cnn",
    "number": 1,
    "plot": "confusion",
    "run": 1,
    "app": "classifier",
    "content_type": 1,
    "nothing": "nothing",
}
MULTIPART, FORM = "multipart/form-data; boundary=a", "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    variables = {"WEB_CONCURRENCY": "1", "SWEEP_AT_START": "false", "CLIENT_SECONDS": str(CLIENT_SECONDS)}
    limits = dict.fromkeys(("THROTTLE_API_ADDRESS", "THROTTLE_SIGN_IN_ADDRESS", "THROTTLE_SIGN_UP_ADDRESS"), "off")
    with serve(tmp_path_factory.mktemp("server"), **variables | limits) as site:
        yield site


def announce(
    site: Site, method: str, address: str, length: int, content_type: str, patience: float = PATIENCE, host="127.0.0.1"
):
    """The status and the text that answer a head whose body never comes. Raises TimeoutError if it is waited for."""
    server, port = site.address.removeprefix("http://").split(":")
    lines = [
        f"{method} {address} HTTP/1.1",
        f"Host: {host}",
        "Connection: close",
        f"Cookie: csrftoken={'a' * 32}",
        f"Content-Type: {content_type}",
        f"Content-Length: {length}",
    ]
    with socket.create_connection((server, int(port)), patience) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        with connection.makefile("rb") as answer:
            received = answer.read().decode()
    return int(re.match(r"HTTP/1\.1 (\d+)", received)[1]), received.partition("\r\n\r\n")[2]


def largest(route: Route, content_type: str) -> int:
    images = images_of(route.view) if content_type in (MULTIPART, "image/jpeg") else 0
    return most_bytes(images, archives_of(route.view) if content_type == MULTIPART else 0)


@pytest.mark.parametrize("content_type", [MULTIPART, "image/jpeg", FORM, "application/json"])
def test_every_route_refuses_a_body_that_it_cannot_use_before_it_is_sent(site, content_type):
    answers = {}
    for route in routes():
        address, length = route.address(FACTS), largest(route, content_type) + 1
        for method in ("POST", "PUT"):
            answers[f"{method} {address}"] = announce(site, method, address, length, content_type)
    assert {request: status for request, (status, _text) in answers.items() if status != 413} == {}
    assert all(json.loads(text)["status"] == 413 for request, (_, text) in answers.items() if " /api/v1/" in request)


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere"])
def test_address_that_leads_nowhere_reads_no_body(site, host):
    for method in ("POST", "PUT", "GET", "DELETE"):
        for address in ("/nowhere", "/static/nothing.css", "/predictions/1/"):
            status, text = announce(site, method, address, 600 * MEGABYTE, MULTIPART, host=host)
            assert status == (404 if host == "127.0.0.1" else 400)
            assert "Go to home page" in text


def test_only_a_batch_may_be_larger_than_one_file_and_four_megabytes():
    """A new route takes no image until its URL says so."""
    images = {route.name: images_of(route.view) for route in routes() if images_of(route.view)}
    batches = {"api_batch": MOST_IMAGES, "classifier_examples": MOST_IMAGES}
    assert images == dict.fromkeys(("home", "api_predictions", "api_examples", "classifier_use"), 1) | batches
    assert {route.name for route in routes() if archives_of(route.view)} == {
        "jobs",
        "api_jobs",
        "classifiers",
        "classifier_archive",
    }
    assert most_bytes(1) == (settings.MAX_UPLOAD_MEGABYTES + 4) * MEGABYTE
    assert most_bytes(0) == settings.DATA_UPLOAD_MAX_MEMORY_SIZE < 3 * MEGABYTE


def test_body_that_a_route_can_use_is_read(site):
    """What holds the test above: the same heads are not refused for anything else."""
    for address, length in (("/", most_bytes(1)), ("/history/delete/", most_bytes(0)), ("/accounts/sign-in/", 1000)):
        with pytest.raises(TimeoutError):
            announce(site, "POST", address, length, MULTIPART, patience=1)
