"""Describe the machine and the conditions of a measurement."""

import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

_SITE = ("Django", "gunicorn", "ai-edge-litert", "Pillow", "numpy")
_PEERS = ("keras", "tensorflow", "onnxruntime", "fastapi", "uvicorn", "gradio", "litserve", "Pillow", "locust")
_PRINT_VERSIONS = """
import importlib.metadata, sys
print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in sys.argv[1:]))
"""


def conditions(python: Path, rounds: int, seconds: float) -> dict[str, str]:
    """The day, the machine, the versions and the settings; `python` is that of the peers."""
    return {
        "Day": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}; the load generator runs on it, too",
        "Rounds": f"{rounds} of all servers in turn, of which the medians; {seconds:g} seconds a load",
        "Site": f"Python {platform.python_version()}, {_versions(sys.executable, _SITE)}",
        "Peers": _versions(python, _PEERS),
    }


def _versions(python: str | Path, packages: tuple[str, ...]) -> str:
    command = [python, "-c", _PRINT_VERSIONS, *packages]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
