"""Redis and RabbitMQ for tests, each in a process of its own, and Celery's workers."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.tests.factories import BASE_DIR

_PLACES = os.pathsep.join(["/usr/lib/rabbitmq/bin", os.environ.get("PATH", ""), "/usr/sbin"])


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def redis(port: int, folder: Path | None = None) -> Iterator[str]:
    """A Redis; with a folder, it stores everything there."""
    if not shutil.which("redis-server"):
        pytest.skip("needs redis-server")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "yes", "--dir", str(folder)] if folder else ["--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert any("Ready to accept connections" in line for line in process.stdout)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ with an empty folder."""
    script, mapper = (shutil.which(name, path=_PLACES) for name in ("rabbitmq-server", "epmd"))
    if not (script and mapper):
        pytest.skip("needs rabbitmq-server")
    folder, port, mapper_port = Path(tempfile.mkdtemp(prefix="rabbit-", dir="/tmp")), free_port(), free_port()
    (folder / "plugins").write_text("[].")
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{port}\n")
    env = {
        **os.environ,
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # Otherwise Erlang starts its port mapper itself, and it stays.
    with subprocess.Popen([mapper, "-port", str(mapper_port)], env=env) as ports:
        with subprocess.Popen([script], env=env, **output) as process:
            try:
                said = []
                while not said or ("completed with" not in said[-1] and said[-1]):
                    said.append(process.stdout.readline())
                assert said[-1], "".join(said)
                yield f"amqp://guest:guest@127.0.0.1:{port}//"
            finally:
                process.terminate()
        ports.terminate()
    shutil.rmtree(folder)


@contextmanager
def celery_worker(env: dict[str, str], log: Path, queue: str = "images") -> Iterator[subprocess.Popen]:
    """A worker of Celery that has connected to its broker; killed at the end unless it has ended."""
    command = [sys.executable, "-m", "celery", "-A", "cifarsite", "worker", "-Q", queue, "-n", f"{log.stem}@%h"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not re.search(r"@\S+ ready\.", log.read_text()):
            assert process.poll() is None, log.read_text()
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        yield process
    finally:
        process.kill()
        process.wait()
