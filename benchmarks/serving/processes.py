"""Server processes: starting, stopping, and their memory as Linux reports it in /proc."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_GRACE_SECONDS = 20
_START_SECONDS = 60


class ServerFailed(RuntimeError):
    """A server ended, or did not respond in time; the message contains the end of its log."""


@dataclass(frozen=True)
class Memory:
    """The memory of a server's processes, in bytes.

    largest: resident set of the largest process. peak: the highest resident set of any. together: the sum of their
    proportional set sizes, which count shared memory once.
    """

    processes: int
    largest: int
    peak: int
    together: int


class Server:
    """A started server; created by `serving`."""

    def __init__(self, process: subprocess.Popen, log: Path, started: float) -> None:
        self._process = process
        self._log = log
        self.started = started

    def check_alive(self) -> None:
        """Raise ServerFailed when it has ended."""
        if self._process.poll() is not None:
            raise self.failure(f"ended with status {self._process.returncode}")

    def wait_until_listening(self, port: int) -> None:
        """Wait until the server accepts connections. Raises ServerFailed if it ends first, or after a minute."""
        while time.perf_counter() < self.started + _START_SECONDS:
            self.check_alive()
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                return
            time.sleep(0.05)
        raise self.failure("did not listen in time")

    def failure(self, what: str) -> ServerFailed:
        return ServerFailed(f"{self._log.stem} {what}:\n{self._log.read_text(errors='replace')[-2000:]}")

    def memory(self) -> Memory:
        """The current memory of its processes."""
        family = _family(self._process.pid)
        resident = [_kilobytes(number, "status", "VmRSS") for number in family]
        peaks = [_kilobytes(number, "status", "VmHWM") for number in family]
        together = [_kilobytes(number, "smaps_rollup", "Pss") for number in family]
        return Memory(len(resident), 1024 * max(resident), 1024 * max(peaks), 1024 * sum(together))


@contextmanager
def serving(command: Sequence[str | Path], *, env: dict[str, str], log: Path) -> Iterator[Server]:
    """Start a server from the root of the project; stop it and all its children afterwards."""
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Server(process, log, started)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        # It has its own session, so every process left in it is its child.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _family(process_id: int) -> list[int]:
    """A process and all its descendants."""
    family = [process_id]
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        for child in task.read_text().split():
            family += _family(int(child))
    return family


def _kilobytes(process_id: int, file: str, field: str) -> int:
    """A field of a process, or nothing if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        if found := re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{process_id}/{file}").read_text(), re.MULTILINE):
            return int(found[1])
    return 0
