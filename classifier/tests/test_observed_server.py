"""The log and the metrics of the site as it is run: by several processes of Gunicorn."""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from classifier.tests.people import Person
from classifier.tests.server import Site, serve
from classifier.tests.test_metrics import counts

WORKERS = 2
TOKEN = "0123456789abcdef"


class Served(NamedTuple):
    site: Site
    folder: Path

    def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """The status, the number and the text of an answer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.site.address + path, headers=headers)  # noqa: S310
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers["X-Request-ID"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["X-Request-ID"], error.read().decode()

    def metrics(self) -> str:
        return self.get("/metrics", Authorization=f"Bearer {TOKEN}")[2]

    def processes(self) -> set[str]:
        """Those that have counted something."""
        return {file.stem.rpartition("_")[2] for file in self.folder.glob("counter_*.db")}


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("observed")
    variables = {"WEB_CONCURRENCY": str(WORKERS), "SWEEP_AT_START": "false", "METRICS_TOKEN": TOKEN}
    counted = folder / "metrics"
    counted.mkdir()
    (counted / "counter_1.db").write_bytes(b"of a server before this one")
    with serve(folder, PROMETHEUS_MULTIPROC_DIR=str(counted), **variables) as site:
        yield Served(site, counted)


def until(holds) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("waited for 30 seconds")


def test_counts_of_all_processes_add_up_and_outlive_one_that_is_killed(served):
    sent = 0
    while len(served.processes()) < WORKERS or sent < 40:
        assert served.get("/healthz")[0] == 200
        sent += 1
    labels = 'method="GET"', 'route="/healthz"', 'status="200"'
    for _ in range(2 * WORKERS):  # whichever is asked
        assert counts(served.metrics(), "cifarsite_requests_total", *labels) == sent
    killed = next(iter(served.processes()))
    os.kill(int(killed), signal.SIGKILL)
    until(lambda: served.get("/healthz")[0] == 200 and len(served.processes()) > WORKERS)
    before = counts(served.metrics(), "cifarsite_requests_total", *labels)
    assert before >= sent
    served.get("/healthz")
    text = served.metrics()
    assert counts(text, "cifarsite_requests_total", *labels) == before + 1
    assert counts(text, "cifarsite_request_seconds_count", 'route="/healthz"') == before + 1
    assert counts(text, "cifarsite_requests_in_flight") == 1
    assert not [*served.folder.glob(f"gauge_live*_{killed}.db")]


def test_log_of_the_server_is_json_with_every_request_and_nobodys_secrets(served):
    person = Person(1)
    person.act(served.site.address)
    status, number, page = served.get("/nothing/olena@example.org?token=secret")
    assert (status, f"data-request-id>{number}<" in page) == (404, True)
    host, port = served.site.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization Bearer olena@secret\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    assert served.get("/", Host="olena@example.org")[0] == 400
    text = (served.site.folder / "log").read_text()
    # The library that runs the model says a word of its own when it is loaded.
    lines = [json.loads(line) for line in text.splitlines() if not line.startswith("INFO: Created TensorFlow Lite")]
    assert {"gunicorn.error", "classifier.web.observation"} <= {line["logger"] for line in lines}
    (line,) = [line for line in lines if line.get("request_id") == number]
    assert (line["route"], line["status"]) == ("unknown", 404)
    assert any("Invalid request" in line["message"] for line in lines)
    cookies = [cookie.value for handler in person.opener.handlers for cookie in getattr(handler, "cookiejar", ())]
    assert len(cookies) == 2
    for secret in [*cookies, "olena@", "secret", "photo.jpg", "ip=127"]:
        assert secret not in text
