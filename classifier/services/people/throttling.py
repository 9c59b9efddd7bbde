"""Rate limits per person and per address, shared by pages and API.

The counts lie in the memory of each process, or in Redis for all processes where there is one.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from classifier.services.operations import metrics
from classifier.services.people.ownership import Owner

logger = logging.getLogger(__name__)

OFF = "off"
#: The timeout of Redis, which is expected nearby, and the pause after it was unavailable.
_REDIS_SECONDS, _LEFT_ALONE_SECONDS = 0.25, 10.0
#: The first requests of a process are concurrent and must share one store.
_making = threading.Lock()


class Throttle(StrEnum):
    """The limited actions. settings.THROTTLES has the rates per person and address: "classify_person"."""

    CLASSIFY = "classify"
    READ = "read"
    SIGN_IN = "sign_in"
    SIGN_UP = "sign_up"
    #: Pages with the code of a group in them. Wrong PINs are limited by pupil and group.
    PUPIL = "pupil"
    RESET = "reset"
    #: Limited by the recipient's address.
    RESET_MAIL = "reset_mail"
    API = "api"
    #: Seconds of CPU time.
    WORK = "work"


#: Work is counted in milliseconds.
_PARTS = {Throttle.WORK: 1000}


@dataclass(frozen=True)
class Refusal:
    """A limit is exceeded; retry after `seconds`."""

    throttle: Throttle
    by: str
    seconds: int


def take(*, throttle: Throttle, owner: Owner | None, address: str | None, cost: int = 1) -> Refusal | None:
    """Count a request and return None, or return the exceeded limit.

    owner: None where persons are not counted. address: as clients.address_of gives it. cost: how many of it at once.
    """
    for by, limit, key in _limits(throttle, owner, address):
        seconds = _counts().take(limit, key, cost)
        if seconds is not None:
            metrics.record_throttled(throttle=throttle, by=by)
            return Refusal(throttle, by, seconds)
    return None


def take_work(*, owner: Owner | None, address: str | None) -> Refusal | None:
    """Return the exceeded limit of CPU time, or None. Counts nothing."""
    return take(throttle=Throttle.WORK, owner=owner, address=address, cost=0)


def charge_work(*, owner: Owner | None, address: str | None, seconds: float) -> None:
    """Count the cost of a request, known once it has been answered."""
    for _by, limit, key in _limits(Throttle.WORK, owner, address):
        _counts().take(limit, key, math.ceil(seconds * _PARTS[Throttle.WORK]))


def _limits(
    throttle: Throttle, owner: Owner | None, address: str | None
) -> Iterator[tuple[str, RateLimitItem, tuple[str, ...]]]:
    """A rate of a throttle: its subject, its limit, and the key of its counter."""
    for by, key in (("person", _person(owner)), ("address", address)):
        limit = _limit(settings.THROTTLES.get(f"{throttle}_{by}", OFF), _PARTS.get(throttle, 1))
        if key is not None and limit is not None:
            yield by, limit, (throttle, by, key)


def explain_refusal(refusal: Refusal) -> str:
    """The reason for the refusal, in the current language."""
    if refusal.by == "address":
        return _("Too many requests from your network.")
    return _("Too many requests.")


def advise(refusal: Refusal) -> list[str]:
    """What happened and what to do, in the current language."""
    lost = [_("Your request was not saved.")] if refusal.throttle is Throttle.CLASSIFY else []
    return [*lost, say_when(refusal.seconds)]


def say_when(seconds: int) -> str:
    """When to try again, in the current language."""
    if seconds < 120:
        return _("Please try again in %(count)s s.") % {"count": seconds}
    return _("Please try again in %(count)s min.") % {"count": math.ceil(seconds / 60)}


def forget() -> None:
    """Reset all counters, as in a new process."""
    _counts_at.cache_clear()


class _Counts:
    """The counters, in this process or in Redis. While Redis is down, nothing is limited."""

    def __init__(self, redis_url: str) -> None:
        self.storage = _redis(redis_url) if redis_url else MemoryStorage()
        self.limiter = FixedWindowRateLimiter(self.storage)
        # Threads that begin a window of MemoryStorage at once would lose counts of each other.
        self.counting = nullcontext() if redis_url else threading.Lock()
        self.left_alone_until = 0.0
        self.lock = threading.Lock()

    def take(self, limit: RateLimitItem, key: tuple[str, ...], cost: int) -> int | None:
        """Count and return None, or return the seconds until more is allowed."""
        if time.monotonic() < self.left_alone_until:
            return None
        try:
            # More than the whole limit would wait for ever.
            with self.counting:
                seconds = self._seconds(limit, key, min(cost, limit.amount))
        except StorageError as error:
            self._leave_alone(error)
            return None
        if self.left_alone_until:
            self.left_alone_until = 0.0
            logger.info("Redis is available again. Rate limits apply.")
        return seconds

    def _seconds(self, limit: RateLimitItem, key: tuple[str, ...], cost: int) -> int | None:
        # A request of no cost yet is refused when nothing is left.
        if self.limiter.hit(limit, *key, cost=cost) if cost else self.limiter.test(limit, *key):
            return None
        seconds = self.limiter.get_window_stats(limit, *key).reset_time - time.time()
        if seconds > limit.get_expiry():
            # The window began before the clock was set back.
            self.limiter.clear(limit, *key)
            return self._seconds(limit, key, cost)
        return max(1, math.ceil(seconds))

    def _leave_alone(self, error: StorageError) -> None:
        with self.lock:
            is_news = self.left_alone_until == 0.0
            self.left_alone_until = time.monotonic() + _LEFT_ALONE_SECONDS
        if is_news:
            logger.error("Redis is unavailable (%s). Rate limits are off until it is back.", error.storage_error)


def _redis(url: str) -> Storage:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # They go to the client of Redis; the annotation of RedisStorage knows only some of them.
    options: Any = {"retry": Retry(NoBackoff(), 0)}
    options |= {"socket_connect_timeout": _REDIS_SECONDS, "socket_timeout": _REDIS_SECONDS}
    return RedisStorage(url, key_prefix="cifarsite", wrap_exceptions=True, **options)


def _counts() -> _Counts:
    with _making:
        return _counts_at(settings.REDIS_URL)


@lru_cache(maxsize=1)
def _counts_at(redis_url: str) -> _Counts:
    return _Counts(redis_url)


@lru_cache(maxsize=64)
def _limit(text: str, parts: int) -> RateLimitItem | None:
    if text == OFF:
        return None
    limit = parse(text)
    return type(limit)(limit.amount * parts, limit.multiples)


def _person(owner: Owner | None) -> str | None:
    if owner is None or owner == Owner():
        return None
    return f"user {owner.user.pk}" if owner.user else f"visitor {owner.visitor}"


# A forked child has its own counters and connections.
os.register_at_fork(after_in_child=forget)
