"""Eight clients of one address whose files keep every decoder busy: pages and other people's uploads still work."""

import http.client
import os
import re
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import pytest

from classifier.tests.corpus import jpeg_of_scans
from classifier.tests.factories import image_bytes
from classifier.tests.server import Site, serve, workers_of
from ml.images.codecs.jpeg_markers import MOST_SCANNED

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

CLIENTS = 8
#: All of 127.0.0.0/8 is this machine.
ATTACKER, ANOTHER_ATTACKER, SOMEBODY = "127.0.0.1", "127.0.0.4", "127.0.0.2"
#: A client that has no answer by then has none: who watches over the site waits less.
PATIENCE, PATIENCE_OF_A_PROBE = 60, 5


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    variables = {"WEB_CONCURRENCY": "1", "DECODERS": "1", "DECODE_SECONDS": "40", "SWEEP_AT_START": "false"}
    variables |= {"THROTTLE_WORK_ADDRESS": "4/minute"}
    with serve(tmp_path_factory.mktemp("server"), **variables) as site:
        # The model is loaded and a decoder ready.
        assert upload(site, "127.0.0.3").status == 200
        yield site


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def ask(site: Site, source: str, method: str, path: str, body: bytes = b"", seconds: int = PATIENCE, **headers: str):
    host, port = site.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=seconds, source_address=(source, 0))
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read().decode())
    finally:
        connection.close()


def upload(site: Site, source: str, content: bytes | None = None) -> Answer:
    """What a new visitor is answered, whose image is not kept."""
    page = ask(site, source, "GET", "/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[1]
    cookie = re.search(r"csrftoken=\w+", page.headers["Set-Cookie"])[0]
    boundary = uuid.uuid4().hex
    parts = {
        'name="csrfmiddlewaretoken"': token.encode(),
        'name="keep"': b"0",
        'name="image"; filename="x.jpg"': image_bytes() if content is None else content,
    }
    lines = [
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary.encode(), name.encode(), value)
        for name, value in parts.items()
    ]
    body = b"".join(lines) + f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    return ask(site, source, "POST", "/", body, **{"Cookie": cookie, "Content-Type": kind})


def assert_pages_answer(site: Site) -> None:
    for path in ("/healthz", "/readyz", "/", "/models/"):
        assert ask(site, SOMEBODY, "GET", path, seconds=PATIENCE_OF_A_PROBE).status == 200


def decoder_of(site: Site) -> int:
    (worker,) = workers_of(site.process_id)
    (decoder,) = [
        int(number) for task in Path(f"/proc/{worker}/task").glob("*/children") for number in task.read_text().split()
    ]
    return decoder


def test_pages_and_other_uploads_work_while_a_decoder_is_busy(site):
    """Six of the eight are told to wait instead of waiting; then the site has threads for everybody else."""
    decoder = decoder_of(site)
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        os.kill(decoder, signal.SIGSTOP)
        try:
            waiting: set[Future[Answer]] = {pool.submit(upload, site, ATTACKER) for _ in range(CLIENTS)}
            refused: list[Answer] = []
            while len(waiting) > 2:
                done, waiting = wait(waiting, PATIENCE / 2, FIRST_COMPLETED)
                assert done
                refused += [one.result() for one in done]
            assert {answer.status for answer in refused} == {429}
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
            assert "still processing other images from you" in refused[0].body
            assert_pages_answer(site)
            others = pool.submit(upload, site, SOMEBODY)
            assert_pages_answer(site)
            assert not others.done()
        finally:
            os.kill(decoder, signal.SIGCONT)
        assert others.result().status == 200
        assert {one.result().status for one in waiting} == {200}


def test_seconds_of_work_run_out_for_one_address_alone(site):
    """Files that pass all limits of a file and take long: after some seconds of them comes 429, before decoding."""
    slow = jpeg_of_scans(MOST_SCANNED // (5000 * 4000) - 15, 5000, 4000)

    def attack() -> list[int]:
        statuses = []
        for _ in range(50):
            answer = upload(site, ANOTHER_ATTACKER, slow)
            statuses.append(answer.status)
            if "Too many requests from your network" in answer.body:
                return statuses
        raise AssertionError(statuses)

    with ThreadPoolExecutor(CLIENTS) as pool:
        attacks = {pool.submit(attack) for _ in range(CLIENTS)}
        while attacks:
            assert_pages_answer(site)
            assert upload(site, SOMEBODY).status == 200
            done, attacks = wait(attacks, 0)
            assert all(set(one.result()) <= {200, 429} for one in done)
    assert upload(site, ANOTHER_ATTACKER).status == 429
    assert upload(site, SOMEBODY).status == 200
