"""The contestants: the site with either of its models, and the peers."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.load import Endpoint
from benchmarks.serving.processes import ROOT
from benchmarks.serving.site import COMMAND, prepare_site

#: The model that all contestants serve, and the default model of the site.
COMMON_MODEL, DEFAULT_MODEL = "student_cnn", "cifar10_duo"
SITE, SITE_DEFAULT = f"site, {COMMON_MODEL}", f"site, {DEFAULT_MODEL}"
STUDENT, EXPERT, EXPERT_DRAFT = "(a) student", "(b) expert", "(b) expert, draft"
GRADIO, LITSERVE = "(c) Gradio", "(d) LitServe"
STORING, STORING_TWICE = "(e) storing expert", "(e) storing expert, 2 processes"

_PEERS: dict[str, tuple[str, ...]] = {
    STUDENT: ("student.py",),
    EXPERT: ("expert.py",),
    EXPERT_DRAFT: ("expert.py", "--draft"),
    GRADIO: ("gradio_interface.py",),
    LITSERVE: ("litserve_batching.py",),
    STORING: ("storing_expert.py",),
    STORING_TWICE: ("storing_expert.py", "--processes", "2"),
}
NAMES = (SITE, SITE_DEFAULT, *_PEERS)


@dataclass(frozen=True)
class Contestant:
    """A server that is started on a port by `command` in `env`, and measured at `endpoint`."""

    name: str
    command: Callable[[int], Sequence[str | Path]]
    env: Callable[[int], dict[str, str]]
    endpoint: Callable[[int], Endpoint]


def contestants(names: Sequence[str], *, python: Path, folder: Path, cache: Path) -> list[Contestant]:
    """Prepare servers in a folder. python: the interpreter of the peers. cache: the folder of the exported model."""
    prepared = []
    for name in names:
        if name in _PEERS:
            prepared.append(_peer(name, python, model_for_peers(python, cache), folder))
        else:
            prepared.append(_site(name, folder))
    return prepared


def model_for_peers(python: Path, cache: Path) -> Path:
    """The folder of the common model with its network also as ONNX; exported once per model file."""
    shipped = ROOT / "ml" / "trained" / COMMON_MODEL
    digest = hashlib.sha256((shipped / "model.keras").read_bytes()).hexdigest()
    folder = cache / f"{COMMON_MODEL}-{digest[:12]}"
    if not (folder / "model.onnx").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("model.keras", "card.json"):
            shutil.copy(shipped / file, folder)
        unfinished = folder / "unfinished.onnx"
        command = [python, "-m", "benchmarks.serving.onnx_export", shipped / "model.keras", unfinished]
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)  # noqa: S603
        unfinished.rename(folder / "model.onnx")
    return folder


def _peer(name: str, python: Path, model: Path, folder: Path) -> Contestant:
    script, *switches = _PEERS[name]
    path = Path("benchmarks") / "serving" / "peers" / script
    # Peers store their files beside the site's uploads, and send no telemetry.
    env = {**os.environ, "TMPDIR": str(folder), "GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    return Contestant(
        name,
        lambda port: (python, path, model, str(port), *switches),
        lambda _port: env,
        lambda port: _peer_endpoint(name, f"http://127.0.0.1:{port}"),
    )


def _peer_endpoint(name: str, address: str) -> Endpoint:
    if name == GRADIO:
        path = "/gradio_api/call/classify"
        return Endpoint(address, path, "event: complete", file_field="files", exchange="gradio")
    if name in (STORING, STORING_TWICE):
        return Endpoint(address, "/", "data-prediction=")
    return Endpoint(address, "/classify" if name == LITSERVE else "/", '"probabilities":')


def _site(name: str, folder: Path) -> Contestant:
    model = DEFAULT_MODEL if name == SITE_DEFAULT else COMMON_MODEL
    site = prepare_site(folder / model, model)
    return Contestant(name, lambda _port: COMMAND, lambda port: {**site.env, "PORT": str(port)}, site.endpoint)
