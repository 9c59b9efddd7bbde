"""Start, warm up, load and stop one contestant after the other, round by round."""

import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.contestants import Contestant
from benchmarks.serving.inputs import SMALL
from benchmarks.serving.load import Endpoint, LoadGenerator, LoadResult
from benchmarks.serving.processes import Memory, Server, free_port, serving

CONCURRENCIES = (1, 8, 32)
_START_SECONDS = 120
_WARM_UP_SECONDS = 1.0
_WARM_UP_CONCURRENCY = 8


@dataclass(frozen=True)
class Load:
    """The result of one load; latencies in milliseconds."""

    input: str
    concurrency: int
    classifications: int
    throughput: float
    median_latency: float
    latency_99: float
    problems: dict[str, int]
    generator_share: float

    @classmethod
    def of(cls, name: str, concurrency: int, result: LoadResult) -> "Load":
        latencies = sorted(1000 * latency for latency in result.latencies) or [float("nan")]
        return cls(
            name,
            concurrency,
            len(result.latencies),
            result.throughput,
            statistics.median(latencies),
            # The nearest rank, so that the result is a measured latency.
            latencies[-(-99 * len(latencies) // 100) - 1],
            result.problems,
            result.processor_seconds / result.seconds,
        )


@dataclass(frozen=True)
class Turn:
    """One contestant in one round.

    first_answer: seconds from the start of the process. memory: after small uploads; loaded_memory: after all loads.
    """

    contestant: str
    first_answer: float
    memory: Memory
    loaded_memory: Memory
    loads: list[Load] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def take_turn(
    contestant: Contestant, generator: LoadGenerator, inputs: dict[str, list[Path]], *, seconds: float, log: Path
) -> Turn:
    """Measure a contestant once, each load for the given seconds. Raises ServerFailed."""
    port = free_port()
    endpoint = contestant.endpoint(port)
    with serving(contestant.command(port), env=contestant.env(port), log=log) as server:
        (small,) = inputs[SMALL]
        first_answer = _first_answer(server, generator, endpoint, small)
        # Each process loads its model at its first upload, and each thread its interpreter.
        generator.load(endpoint, [small], concurrency=_WARM_UP_CONCURRENCY, seconds=_WARM_UP_SECONDS)
        loads, memory = [], None
        for name, files in inputs.items():
            for concurrency in CONCURRENCIES:
                result = generator.load(endpoint, files, concurrency=concurrency, seconds=seconds)
                server.check_alive()
                loads.append(Load.of(name, concurrency, result))
            memory = memory or server.memory()
        return Turn(contestant.name, first_answer, memory, server.memory(), loads)


def _first_answer(server: Server, generator: LoadGenerator, endpoint: Endpoint, file: Path) -> float:
    problem = "nothing asked"
    while problem:
        server.check_alive()
        if time.perf_counter() > server.started + _START_SECONDS:
            raise server.failure(f"did not answer in time ({problem})")
        problem = generator.wait_for_answer(endpoint, file, seconds=5)
    return time.perf_counter() - server.started
