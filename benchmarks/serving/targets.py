"""The targets of the site, and whether it meets them."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.serving.contestants import EXPERT, EXPERT_DRAFT, SITE, STORING, STUDENT
from benchmarks.serving.inprocess import Overhead
from benchmarks.serving.inputs import LARGE, SMALL
from benchmarks.serving.measuring import Load, Turn

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Target:
    """A measured value and its bound: a minimum, or a maximum if `at_most`."""

    what: str
    measured: float
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        # A value that was not measured does not meet its target.
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound


def median(values: Iterable[float]) -> float:
    """The median, or NaN if nothing was measured."""
    found = [*values]
    return statistics.median(found) if found else math.nan


def ratio(one: float, other: float) -> float:
    """The ratio, or NaN if the denominator is zero."""
    return one / other if other else math.nan


def turns_of(turns: Sequence[Turn], contestant: str) -> list[Turn]:
    """The results of a contestant in every round."""
    return [turn for turn in turns if turn.contestant == contestant]


def loads_of(turns: Sequence[Turn], contestant: str, name: str, concurrency: int) -> list[Load]:
    """One load of a contestant in every round."""
    return [
        load
        for turn in turns_of(turns, contestant)
        for load in turn.loads
        if (load.input, load.concurrency) == (name, concurrency)
    ]


def throughput(turns: Sequence[Turn], contestant: str, name: str, concurrency: int) -> float:
    """Classifications per second, the median of the rounds."""
    return median(load.throughput for load in loads_of(turns, contestant, name, concurrency))


def targets(turns: Sequence[Turn], overheads: Sequence[Overhead]) -> list[Target]:
    """Every target of the site with the common model, and of the code in one process."""

    def times(other: str, name: str) -> float:
        return ratio(throughput(turns, SITE, name, 8), throughput(turns, other, name, 8))

    small, large = f"{SMALL}, 8 at once", f"{LARGE}, 8 at once"
    return [
        Target(f"{small}: times {STUDENT}", times(STUDENT, SMALL), 12),
        Target(f"{small}: times {EXPERT}", times(EXPERT, SMALL), 0.45),
        Target(f"{small}: times {STORING}", times(STORING, SMALL), 1),
        Target(f"{small}: 99th percentile over median", _tail(turns), 3, at_most=True),
        Target("errors at 32 at once", _errors(turns), 0, at_most=True),
        Target(f"{large}: times {STUDENT}", times(STUDENT, LARGE), 6),
        Target(f"{large}: times {EXPERT}", times(EXPERT, LARGE), 2),
        Target(f"{large}: times {EXPERT_DRAFT}", times(EXPERT_DRAFT, LARGE), 0.7),
        Target(f"{large}: times {STORING}", times(STORING, LARGE), 1),
        Target("peak memory of a web process, MB", _peak(turns), 250, at_most=True),
        Target(f"start to first answer over that of {STUDENT}", _starts(turns), 0.4, at_most=True),
        Target(f"memory of a web process over that of {STUDENT}", _memories(turns), 0.3, at_most=True),
        *(Target(f"{one.what} over the bare library", one.ratio, 1.2, at_most=True) for one in overheads),
    ]


def _tail(turns: Sequence[Turn]) -> float:
    return median(ratio(load.latency_99, load.median_latency) for load in loads_of(turns, SITE, SMALL, 8))


def _errors(turns: Sequence[Turn]) -> float:
    """The total of all rounds and inputs."""
    loads = [load for turn in turns_of(turns, SITE) for load in turn.loads if load.concurrency == 32]
    return sum(sum(load.problems.values()) for load in loads) if loads else math.nan


def _peak(turns: Sequence[Turn]) -> float:
    """The highest memory of a process in any round, after 32 concurrent uploads of every input."""
    peaks = [turn.loaded_memory.peak for turn in turns_of(turns, SITE)]
    return max(peaks) / MEGABYTE if peaks else math.nan


def _starts(turns: Sequence[Turn]) -> float:
    site, student = (median(turn.first_answer for turn in turns_of(turns, name)) for name in (SITE, STUDENT))
    return ratio(site, student)


def _memories(turns: Sequence[Turn]) -> float:
    site, student = (median(turn.memory.largest for turn in turns_of(turns, name)) for name in (SITE, STUDENT))
    return ratio(site, student)
