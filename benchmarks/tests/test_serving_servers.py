"""Servers that are really started: the site by itself, and beside a peer where its libraries are installed."""

import os
import sqlite3
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.serving.contestants import EXPERT, SITE, STORING, STORING_TWICE, contestants
from benchmarks.serving.inputs import SMALL, small_picture
from benchmarks.serving.load import Endpoint, LoadFailed, load_generator
from benchmarks.serving.measuring import CONCURRENCIES, take_turn
from benchmarks.serving.processes import ROOT, ServerFailed, free_port, serving
from benchmarks.serving.site import COMMAND, prepare_site

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")

BENCH_PYTHON = ROOT / os.environ.get("BENCH_VENV", ".venv-bench") / "bin" / "python"
needs_peers = pytest.mark.skipif(
    not BENCH_PYTHON.exists(), reason="needs benchmarks/serving/requirements.txt: make bench"
)


def test_a_site_is_prepared_with_a_person_signed_in(tmp_path):
    site = prepare_site(tmp_path / "site", "student_cnn")
    port = free_port()
    env = {**site.env, "PORT": str(port), "WEB_CONCURRENCY": "1", "DECODERS": "1", "SWEEP_AT_START": "false"}
    with serving(COMMAND, env=env, log=tmp_path / "log") as server:
        endpoint = site.endpoint(port)
        server.wait_until_listening(port)
        request = urllib.request.Request(f"{endpoint.address}/history/", headers=endpoint.headers)  # noqa: S310
        page = urllib.request.urlopen(request).read().decode()  # noqa: S310
        memory = server.memory()
        server.check_alive()
    assert "benchmark" in page
    assert memory.processes in (
        4,
        5,
    )  # the server, its process, the decoder, what keeps the worker, and that if it is up
    assert memory.peak >= memory.largest > memory.together / 3 > 0
    with pytest.raises(ServerFailed, match="ended with status 0"):
        server.check_alive()


def test_a_server_that_ends_is_told_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "print('no model'); raise SystemExit(3)"]
    with serving(command, env=dict(os.environ), log=tmp_path / "peer.log") as server:
        server._process.wait()
        with pytest.raises(ServerFailed, match="peer ended with status 3:\nno model"):
            server.check_alive()


def test_a_load_generator_that_cannot_run_is_told():
    with load_generator(Path(sys.executable)) as generator, pytest.raises(LoadFailed, match="ended with status 1"):
        generator.wait_for_answer(Endpoint("http://127.0.0.1:1", "/", ""), Path("none.jpg"), seconds=1)


@needs_peers
def test_storing_peer_stores_every_upload_that_it_answers(tmp_path):
    small = tmp_path / "small.jpg"
    small.write_bytes(small_picture())
    found = contestants([STORING, STORING_TWICE], python=BENCH_PYTHON, folder=tmp_path, cache=tmp_path / "cache")
    answered = 1
    with load_generator(BENCH_PYTHON) as generator:
        for contestant in found:
            turn = take_turn(contestant, generator, {SMALL: [small]}, seconds=0.3, log=tmp_path / "log")
            assert [load.problems for load in turn.loads] == [{}] * len(CONCURRENCIES)
            answered += sum(load.classifications for load in turn.loads)
    stores = [*tmp_path.glob("*/db.sqlite3")]
    rows = 0
    for store in stores:
        with closing(sqlite3.connect(store)) as database:
            rows += database.execute("SELECT count(*) FROM prediction").fetchone()[0]
    assert len(stores) == 2
    assert rows == len([*tmp_path.glob("*/*.original")]) == len([*tmp_path.glob("*/*.thumbnail.jpg")]) >= answered


@needs_peers
def test_site_and_peer_answer_every_upload_of_a_load(tmp_path):
    small = tmp_path / "small.jpg"
    small.write_bytes(small_picture())
    found = contestants([SITE, EXPERT], python=BENCH_PYTHON, folder=tmp_path, cache=tmp_path / "cache")
    with load_generator(BENCH_PYTHON) as generator:
        for contestant in found:
            turn = take_turn(contestant, generator, {SMALL: [small]}, seconds=0.3, log=tmp_path / "log")
            assert [load.concurrency for load in turn.loads] == [*CONCURRENCIES]
            for load in turn.loads:
                assert load.problems == {}
                assert load.classifications >= load.concurrency
    assert len([*(tmp_path / "student_cnn" / "media" / "uploads").rglob("*.jpg")]) >= sum(CONCURRENCIES)
