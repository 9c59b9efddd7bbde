"""What only a server shows: headers that Gunicorn would believe, bodies in chunks, HEAD, and what it writes."""

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest

from classifier.tests.server import Site, serve

CHUNKED = {"Transfer-Encoding": "chunked", "Content-Type": "image/jpeg"}
ONE_CHUNK = b"3\r\nabc\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("requests"), WEB_CONCURRENCY="1", SWEEP_AFTER_MINUTES="0.01") as site:
        yield site


def ask(site: Site, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, str, bytes]:
    """The status, the head and the body of an answer, just as they come."""
    host, port = site.address.removeprefix("http://").split(":")
    sent = {"Host": "127.0.0.1", "Connection": "close"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), content


def test_nobody_says_where_the_site_lies(site):
    for _ in range(3):
        status, _head, _content = ask(site, "/evil/", SCRIPT_NAME="/evil", **{"Accept-Language": "uk"})
        assert status == 404
    assert ask(site, "/", SCRIPT_NAME="/evil")[0] == 200
    assert ask(site, "/", PATH_INFO="/nothing/")[0] == 200
    assert b"evil" not in ask(site, "/", **{"Accept-Language": "uk"})[2]


def test_body_of_unknown_length_is_refused_with_a_reason(site):
    status, _head, page = ask(site, "/", method="POST", body=ONE_CHUNK, **CHUNKED)
    assert status == 411
    assert b"does not state its length" in page
    status, head, problem = ask(site, "/api/v1/predictions/", method="POST", body=ONE_CHUNK, **CHUNKED)
    assert (status, "application/problem+json" in head) == (411, True)
    assert b"Content-Length" in problem


@pytest.mark.parametrize("path", ["/", "/nothing/", "/static/nothing.css", "/history/predictions.zip", "/api/v1/me/"])
def test_head_is_answered_as_get_without_the_body(site, path):
    status, head, content = ask(site, path)
    bare_status, bare_head, nothing = ask(site, path, method="HEAD")
    assert (bare_status, nothing) == (status, b"")
    if "Content-Length" in head:
        assert f"Content-Length: {len(content)}" in head
        # The token in a page is a new one each time and compresses otherwise, but here nothing is compressed.
        assert f"Content-Length: {len(content)}" in bare_head


def test_every_line_of_the_server_is_json(site):
    """After the tests above: a sweep, and answers to HEAD that Gunicorn used to warn of."""
    log = site.folder / "log"
    for _ in range(600):
        if "files without an upload" in (text := log.read_text()):
            break
        time.sleep(0.05)
    # The library that runs the model says a word of its own when it is loaded.
    lines = [json.loads(line) for line in text.splitlines() if not line.startswith("INFO: Created TensorFlow Lite")]
    (swept,) = [line["message"] for line in lines if line["logger"] == "classifier.management.commands.worker"]
    assert swept.startswith("0 files without an upload were removed")
    assert [line["message"] for line in lines if "no-body response" in line["message"]] == []
    assert [line["bytes"] for line in lines if line.get("method") == "HEAD"] == [0] * 4
    assert "evil" not in text


@pytest.mark.parametrize("behind_proxy", ["true", "false"])
def test_only_where_there_is_a_proxy_it_says_that_it_was_asked_by_https(tmp_path, behind_proxy):
    variables = {"HTTPS": "true", "WEB_CONCURRENCY": "1", "SWEEP_AT_START": "false"}
    with serve(tmp_path, BEHIND_PROXY=behind_proxy, **variables) as site:
        status, head, _content = ask(site, "/", **{"X-Forwarded-Proto": "https"})
        assert status == (200 if behind_proxy == "true" else 301)
        assert bool(re.search("(?i)strict-transport-security", head)) is (behind_proxy == "true")
        for others in ({"X-Forwarded-Ssl": "on"}, {"X-Forwarded-Protocol": "ssl"}, {"X-Forwarded-Proto": "http"}, {}):
            assert ask(site, "/", **others)[0] == 301
