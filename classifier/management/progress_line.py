"""A progress line on a terminal; nothing without a terminal."""

import shutil
import time
from datetime import timedelta

from django.core.management.base import OutputWrapper

_SECONDS_BETWEEN = 0.1
_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Show the files done, files per second, and the time left at that rate, on the last line of a terminal."""

    def __init__(self, terminal: OutputWrapper, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._started = time.monotonic()
        self._shown = 0.0

    def show(self, done: int, answered: int) -> None:
        """Rewrite the line; the rate is that of `answered`, the files among `done` that this run classified."""
        now = time.monotonic()
        if now - self._shown < _SECONDS_BETWEEN:
            return
        self._shown = now
        rate = answered / max(now - self._started, 1e-9)
        line = f"{done:,} of {self._total:,}  {rate:,.1f} per second"
        if rate:
            line += f"  {timedelta(seconds=round(max(self._total - done, 0) / rate))} left"
        self._write(f"{_CLEAR}{line[: shutil.get_terminal_size().columns - 1]}")

    def clear(self) -> None:
        """Clear the line for other output; the next `show` is immediate."""
        self._shown = 0.0
        self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self._terminal.write(text, style_func=str, ending="")
        self._terminal.flush()
