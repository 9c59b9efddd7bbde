"""Fair turns at what the requests of a process share: its decoders and its interpreters.

A thread of the server that waits for one of them answers nobody else. So all of its threads but one may have a turn
at once, and all but two for one address: a page, and the upload of somebody else, always find one. A request that gets
no turn waits only while turns end quickly. Commands, which belong to no request, always get one.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

#: How long a request waits for the next turn to end, and in total; longer while workers may still be starting.
_QUICK_SECONDS, _MOST_SECONDS = 0.5, 2.0
_STARTING_SECONDS = 5.0


class Workers(StrEnum):
    DECODERS = "decoders"
    INTERPRETERS = "interpreters"


class Busy(Exception):
    """There is no turn to be had soon. own: because of other requests from the same address."""

    def __init__(self, workers: Workers, *, own: bool) -> None:
        super().__init__(f"All turns at the {workers} are taken")
        self.own = own


@dataclass
class Visit:
    """A request: its number of turns, and its CPU seconds here and in decoders."""

    address: str | None
    turns: int = 0
    seconds: float = 0.0


_visit: ContextVar[Visit | None] = ContextVar("visit", default=None)


class _Turns:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        #: The number of turns of each address.
        self.held: Counter[str | None] = Counter()
        #: When the last turn at these workers began or ended, and the workers at which one has ended.
        self.moved: dict[Workers, float] = {}
        self.started: set[Workers] = set()

    def begin(self, workers: Workers, address: str | None) -> None:
        most, most_of_one = max(settings.WEB_THREADS - 1, 1), max(settings.WEB_THREADS - 2, 1)
        began = time.monotonic()
        with self.changed:
            while self.held.total() >= most or self.held[address] >= most_of_one:
                if workers in self.started:
                    until = min(began + _MOST_SECONDS, self.moved[workers] + _QUICK_SECONDS)
                else:
                    until = began + _STARTING_SECONDS
                wait = until - time.monotonic()
                if wait <= 0:
                    raise Busy(workers, own=self.held[address] >= most_of_one)
                self.changed.wait(wait)
            self.held[address] += 1
            self.moved[workers] = time.monotonic()

    def end(self, workers: Workers, address: str | None) -> None:
        with self.changed:
            self.held[address] -= 1
            if not self.held[address]:
                del self.held[address]
            self.started.add(workers)
            self.moved[workers] = time.monotonic()
            self.changed.notify_all()


_turns = _Turns()


@contextmanager
def visiting(address: str | None) -> Iterator[Visit]:
    """Attribute the work in the block to a request from this address."""
    visit, started = Visit(address), time.thread_time()
    token = _visit.set(visit)
    try:
        yield visit
    finally:
        _visit.reset(token)
        visit.seconds += time.thread_time() - started


@contextmanager
def turn(workers: Workers) -> Iterator[None]:
    """Wait for a turn at these workers. Raises Busy."""
    visit = _visit.get()
    if visit is None:
        yield
        return
    visit.turns += 1
    if not settings.WEB_THREADS:
        # Never under Gunicorn, which has other threads.
        yield
        return
    _turns.begin(workers, visit.address)
    try:
        yield
    finally:
        _turns.end(workers, visit.address)


def record_work(seconds: float) -> None:
    """Add the work of another process to the current request, if any."""
    if visit := _visit.get():
        visit.seconds += seconds


def forget() -> None:
    """Forget all turns after a fork: their threads belong to the parent."""
    global _turns
    _turns = _Turns()


os.register_at_fork(after_in_child=forget)
