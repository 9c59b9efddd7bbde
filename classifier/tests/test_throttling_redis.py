"""Processes that share a Redis count together, and do without it when it is gone."""

import shutil
import socket
import time
from contextlib import nullcontext

import pytest

from classifier.services.people import throttling
from classifier.services.people.throttling import Throttle, take
from classifier.tests.brokers import free_port, redis


@pytest.fixture
def port() -> int:
    return free_port()


def takes(count: int) -> list[bool]:
    """Whether each of so many is allowed."""
    return [take(throttle=Throttle.API, owner=None, address="192.0.2.1") is None for _ in range(count)]


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_processes_share_counts_in_redis_and_work_without_it(limit, settings, port, caplog, monkeypatch):
    limit(api_address="3/minute")
    monkeypatch.setattr(throttling, "_LEFT_ALONE_SECONDS", 0.5)
    with redis(port) as settings.REDIS_URL:
        throttling.forget()
        assert takes(2) == [True, True]
        throttling.forget()  # another process
        assert takes(2) == [True, False]
    caplog.clear()
    started = time.perf_counter()
    assert takes(50) == [True] * 50
    assert time.perf_counter() - started < 1
    (line,) = caplog.messages
    assert line.startswith("Redis is unavailable")
    with redis(port):
        time.sleep(0.5)
        assert takes(4) == [True, True, True, False]
    assert caplog.messages[1:] == ["Redis is available again. Rate limits apply."]


@pytest.mark.parametrize("is_silent", [True, False])
def test_unreachable_redis_limits_nobody_and_is_logged_once(limit, settings, port, caplog, is_silent):
    limit(api_address="1/minute")
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    started = time.perf_counter()
    with socket.create_server(("127.0.0.1", port)) if is_silent else nullcontext():
        assert takes(20) == [True] * 20
    assert time.perf_counter() - started < 2
    assert len(caplog.messages) == 1
