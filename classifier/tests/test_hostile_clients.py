"""Clients that are slow, lie or never leave, and files that crash or stop a decoder: before the server as it is run."""

import os
import re
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from classifier.tests.corpus import bombs
from classifier.tests.factories import image_bytes
from classifier.tests.server import Site, serve, workers_of
from ml.tests.factories import encode

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

THREADS = 4
CLIENT_SECONDS, DECODE_SECONDS = 2, 3
#: Gunicorn waits so long for each client that it ends to close its side, with all others of the process.
LINGER_SECONDS = 2
#: What a busy machine may need more than that.
GRACE = 4
MEGABYTE = 1024 * 1024
BOUNDARY = b"a-boundary"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    variables = {
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": str(THREADS),
        "DECODERS": "1",
        "DECODE_SECONDS": str(DECODE_SECONDS),
        "CLIENT_SECONDS": str(CLIENT_SECONDS),
        "SWEEP_AT_START": "false",
    }
    with serve(tmp_path_factory.mktemp("server"), **variables) as site:
        yield site
        decoders = workers_of(workers_of(site.process_id)[0])
    until = time.monotonic() + 10
    while any(map(is_running, decoders)):
        assert time.monotonic() < until


@pytest.fixture(autouse=True)
def goes_on(site):
    """Whatever a test does, the site still works afterwards and has lost nothing."""
    yield
    assert Visitor(site).upload().status == 302
    assert files_of(site) == 2 * rows_of(site)


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def decoder_of(site: Site) -> int:
    """The one decoder of the one process; children of any of its threads count."""
    (worker,) = workers_of(site.process_id)
    tasks = Path(f"/proc/{worker}/task").glob("*/children")
    (decoder,) = [int(number) for task in tasks for number in task.read_text().split()]
    return decoder


def ask(site: Site, query: str) -> Any:
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        return database.execute(query).fetchone()[0]


def rows_of(site: Site) -> int:
    return ask(site, "SELECT count(*) FROM classifier_upload")


def files_of(site: Site) -> int:
    """How many originals and thumbnails there are; what takes long to decode has a working copy besides."""
    media = site.folder / "media"
    return sum(path.is_file() for folder in ("uploads", "thumbnails") for path in (media / folder).rglob("*"))


class Answer:
    def __init__(self, received: bytes) -> None:
        head, _, self.body = received.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(head.split()[1]) if head else 0


class Visitor:
    """Speaks HTTP by hand, so that it can be wrong."""

    def __init__(self, site: Site) -> None:
        self.host, self.port = site.address.removeprefix("http://").split(":")
        page = self.ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        self.token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[1]
        self.cookie = re.search(r"Set-Cookie: (csrftoken=\w+)", page.head)[1].encode()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, int(self.port)), timeout=30)

    def ask(self, request: bytes) -> Answer:
        with self.connect() as connection:
            connection.sendall(request)
            return read(connection)

    def body(self, content: bytes) -> bytes:
        fields = b'Content-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + self.token
        file = b'Content-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n' + content
        return (
            b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in (fields, file))
            + b"--"
            + BOUNDARY
            + b"--\r\n"
        )

    def head(self, length: object, *more: bytes) -> bytes:
        lines = [
            b"POST / HTTP/1.1",
            b"Host: 127.0.0.1",
            b"Cookie: " + self.cookie,
            b"Content-Type: multipart/form-data; boundary=" + BOUNDARY,
            b"Content-Length: " + str(length).encode(),
            b"Connection: close",
            *more,
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def upload(self, content: bytes | None = None) -> Answer:
        body = self.body(image_bytes() if content is None else content)
        return self.ask(self.head(len(body)) + body)


def read(connection: socket.socket) -> Answer:
    received = []
    try:
        while piece := connection.recv(65_536):
            received.append(piece)
    except ConnectionError:
        pass
    return Answer(b"".join(received))


def trickle(connection: socket.socket, content: bytes, step: int = 1, pause: float = 0.2) -> float:
    """Send a few bytes at a time until somebody is against it; return after how many seconds."""
    started = time.monotonic()
    connection.settimeout(pause)
    for place in range(0, len(content), step):
        try:
            connection.sendall(content[place : place + step])
            connection.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue  # it has nothing to say yet
        except ConnectionError:
            break
    connection.settimeout(30)
    return time.monotonic() - started


# Slow. What sends a byte now and then is the proxy's to hold back: see test_proxy.


def test_client_that_falls_silent_in_a_head_is_ended(site):
    started = time.monotonic()
    with Visitor(site).connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        assert connection.recv(1) == b""
    assert CLIENT_SECONDS - 1 < time.monotonic() - started < CLIENT_SECONDS + GRACE
    assert "Traceback" not in (site.folder / "log").read_text()


def test_client_that_stops_sending_gets_408_and_leaves_nothing(site):
    visitor, rows = Visitor(site), rows_of(site)
    body = visitor.body(image_bytes())
    with visitor.connect() as connection:
        connection.sendall(visitor.head(len(body)) + body[:-100])
        answer = read(connection)
    assert answer.status == 408
    assert b"arrived too slowly" in answer.body
    assert rows_of(site) == rows
    assert files_of(site) == 2 * rows


def test_slow_line_that_keeps_going_is_waited_for(site):
    visitor = Visitor(site)
    body = visitor.body(
        encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)), "PNG")
    )
    assert len(body) > 100_000
    with visitor.connect() as connection:
        connection.sendall(visitor.head(len(body)))
        seconds = trickle(connection, body, step=3000, pause=0.1)
        assert seconds > CLIENT_SECONDS
        assert read(connection).status == 302


def test_silent_clients_on_every_thread_are_ended_and_the_others_answered(site):
    visitor = Visitor(site)
    connections = [visitor.connect() for _ in range(THREADS)]
    for connection in connections:
        connection.sendall(visitor.head(1_000_000) + b"--")
    time.sleep(0.3)
    started = time.monotonic()
    assert visitor.upload().status == 302
    assert time.monotonic() - started < CLIENT_SECONDS + THREADS * LINGER_SECONDS + GRACE
    for connection in connections:
        assert read(connection).status == 408
        connection.close()


def test_response_that_nobody_reads_is_abandoned(site):
    """A file of ten megabytes is more than lies on the way between two sockets."""
    visitor = Visitor(site)
    picture = encode(Image.new("RGB", (2400, 1600), "teal"), "BMP")
    answer = visitor.upload(picture)
    session = re.search(r"Set-Cookie: (sessionid=\w+)", answer.head)[1].encode()
    number = str(UUID(hex=ask(site, "SELECT id FROM classifier_upload WHERE format = 'BMP'"))).encode()
    request = b"GET /uploads/%b/image HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: %b\r\n\r\n" % (number, session)
    connections = []
    for _ in range(THREADS):
        connections.append(socket.socket())
        connections[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connections[-1].connect((visitor.host, int(visitor.port)))
        connections[-1].sendall(request)
    time.sleep(0.3)
    started = time.monotonic()
    assert visitor.upload().status == 302
    assert time.monotonic() - started < CLIENT_SECONDS + THREADS * LINGER_SECONDS + GRACE
    for connection in connections:
        connection.close()
    whole = visitor.ask(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert whole.body == picture


# Lying


def test_body_that_ends_early_is_refused_and_leaves_nothing(site):
    visitor, rows = Visitor(site), rows_of(site)
    body = visitor.body(image_bytes())
    # Even if all that the site needs of it is there.
    for length, sent in (
        (len(body) + 1, body),
        (len(body) + 1_000_000, body),
        (len(body), body[:-1]),
        (len(body), b""),
    ):
        with visitor.connect() as connection:
            connection.sendall(visitor.head(length) + sent)
            connection.shutdown(socket.SHUT_WR)
            answer = read(connection)
        assert answer.status == 400
        assert b"The request was incomplete" in answer.body
    assert rows_of(site) == rows
    assert files_of(site) == 2 * rows


def test_body_longer_than_announced_is_refused(site):
    visitor, rows = Visitor(site), rows_of(site)
    body = visitor.body(image_bytes())
    answer = visitor.ask(visitor.head(len(body) - 100) + body)
    assert answer.status == 400
    assert rows_of(site) == rows


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: -1"],
        [b"Content-Length: x"],
        [b"Content-Length: 1", b"Content-Length: 2"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Content-Length: 99999999999999999999"],
    ],
)
def test_length_that_is_none_is_refused(site, lines):
    rows = rows_of(site)
    head = [b"POST / HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *lines]
    assert 400 <= Visitor(site).ask(b"\r\n".join(head) + b"\r\n\r\nx").status < 502
    assert rows_of(site) == rows


def test_body_in_chunks_is_no_fault_and_is_not_kept(site):
    visitor, rows = Visitor(site), rows_of(site)
    body = visitor.body(image_bytes())
    head = visitor.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert 400 <= visitor.ask(head + chunks).status < 500
    assert rows_of(site) == rows


def test_gigabytes_that_are_announced_are_refused_at_once(site):
    visitor = Visitor(site)
    with visitor.connect() as connection:
        connection.sendall(visitor.head(5_000_000_000) + b"--")
        answer = read(connection)
    assert answer.status == 413


# Files that crash or stop a decoder


def while_uploading(site: Site, act: Callable[[int], None]) -> tuple[Answer, float]:
    """Upload to a decoder that does not run, act on it, and return the answer and after how many seconds it came."""
    visitor, answers, decoder = Visitor(site), [], decoder_of(site)
    os.kill(decoder, signal.SIGSTOP)
    uploading = threading.Thread(target=lambda: answers.append(visitor.upload()))
    started = time.monotonic()
    uploading.start()
    time.sleep(0.3)
    act(decoder)
    uploading.join(30)
    return answers[0], time.monotonic() - started


def crash(decoder: int) -> None:
    os.kill(decoder, signal.SIGSEGV)
    os.kill(decoder, signal.SIGCONT)


def test_crash_of_a_decoder_refuses_its_file_alone(site):
    rows = rows_of(site)
    answer, _seconds = while_uploading(site, crash)
    assert answer.status == 400
    assert b"damaged" in answer.body
    assert rows_of(site) == rows
    assert "crashed (-11)" in (site.folder / "log").read_text()
    assert Visitor(site).upload().status == 302


def test_killed_decoder_fails_no_request(site):
    answer, _seconds = while_uploading(site, lambda decoder: os.kill(decoder, signal.SIGKILL))
    assert answer.status == 302


def test_decoder_that_hangs_is_ended_and_others_wait_no_longer(site):
    rows, hanging = rows_of(site), decoder_of(site)
    answer, seconds = while_uploading(site, lambda _decoder: None)
    assert answer.status == 413
    assert b"takes more than 3 seconds" in answer.body
    assert DECODE_SECONDS - 1 < seconds < DECODE_SECONDS + GRACE
    assert not is_running(hanging)
    assert rows_of(site) == rows
    assert Visitor(site).upload().status == 302


def test_pages_are_answered_while_a_decoder_hangs(site):
    visitor, seconds = Visitor(site), []

    def look(_decoder: int) -> None:
        started = time.monotonic()
        assert visitor.ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").status == 200
        seconds.append(time.monotonic() - started)

    while_uploading(site, look)
    assert seconds[0] < 2


# Memory


def memory_of(site: Site) -> int:
    """Bytes that the process and its decoders have in memory, for themselves."""
    (worker,) = workers_of(site.process_id)
    total = 0
    for number in (worker, decoder_of(site)):
        total += int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def test_no_upload_needs_more_than_four_hundred_megabytes(site):
    visitor = Visitor(site)
    assert visitor.upload().status == 302
    before, peak, ended = memory_of(site), [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.005):
            # There may be none just now, while another takes its place.
            with suppress(OSError, ValueError):
                peak.append(memory_of(site))

    watcher = threading.Thread(target=watch)
    watcher.start()
    statuses = {name: visitor.upload(content).status for name, content in large_files().items()}
    ended.set()
    watcher.join()
    assert set(statuses.values()) <= {302, 400, 413}
    assert statuses["transparent PNG"] == statuses["progressive JPEG"] == statuses["WebP"] == 302
    assert 150 * MEGABYTE < max(peak) - before < 400 * MEGABYTE


def large_files() -> dict[str, bytes]:
    flat = Image.new("L", (8192, 6000), 90)
    return {
        "transparent PNG": encode(flat.convert("RGBA"), "PNG", compress_level=1),
        "progressive JPEG": encode(flat.convert("RGB"), "JPEG", progressive=True, subsampling=0),
        "WebP": encode(flat.convert("RGB"), "WEBP", method=0, quality=1),
        "GIF": encode(flat.convert("P"), "GIF"),
        "twenty megabytes of nothing": bytes(19 * MEGABYTE),
        **bombs(),
    }
