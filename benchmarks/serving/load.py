"""The load generator as seen by the benchmark: uploads to a server and their results."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.processes import ROOT


@dataclass(frozen=True)
class Endpoint:
    """Where and how a server accepts an upload.

    fields, headers: sent with every upload. expected: text that only a response with a classification contains.
    exchange: "post" for a form with a direct response, "gradio" for Gradio's upload, queue and response.
    """

    address: str
    path: str
    expected: str
    file_field: str = "image"
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    exchange: str = "post"


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    latencies: seconds of every successful classification. problems: the number of failures by kind.
    seconds: from the first request to the last response. processor_seconds: CPU time of the generator itself.
    """

    latencies: list[float]
    problems: dict[str, int]
    seconds: float
    processor_seconds: float

    @property
    def throughput(self) -> float:
        """Classifications per second."""
        return len(self.latencies) / self.seconds

    @property
    def error_count(self) -> int:
        return sum(self.problems.values())


class LoadFailed(RuntimeError):
    """The load generator ended; its output says why."""


class LoadGenerator:
    """A running `load_process`; created by `load_generator`."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def wait_for_answer(self, endpoint: Endpoint, file: Path, *, seconds: float) -> str:
        """Upload a file until it is classified. Return "", or the last failure after the given seconds."""
        return self._ask(do="wait", endpoint=asdict(endpoint), files=[str(file)], seconds=seconds)["problem"]

    def load(self, endpoint: Endpoint, files: Sequence[Path], *, concurrency: int, seconds: float) -> LoadResult:
        """Upload the files in turn, at this concurrency and for this many seconds."""
        question = {"endpoint": asdict(endpoint), "files": [*map(str, files)]}
        return LoadResult(**self._ask(do="load", **question, concurrency=concurrency, seconds=seconds))

    def _ask(self, **question: Any) -> dict[str, Any]:
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise LoadFailed(f"The load generator ended with status {self._process.wait()}.")
        return json.loads(answer)


@contextmanager
def load_generator(python: Path) -> Iterator[LoadGenerator]:
    """Start the generator with the Python that has Locust; stop it afterwards."""
    command = [python, "-m", "benchmarks.serving.load_process"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield LoadGenerator(process)
        finally:
            # It exits at the end of its input.
            with suppress(BrokenPipeError):
                process.stdin.close()
