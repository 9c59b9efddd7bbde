"""The effect of clients that send or read one byte a second on a server: `python -m benchmarks.slow_clients`.

The site is served from a temporary folder on 127.0.0.1, as `make run` serves it, or by the program after `--`:
`python -m benchmarks.slow_clients -- waitress-serve --port={port} --threads=8 cifarsite.wsgi:application`.
A probe asks for /healthz twice a second.
"""

import argparse
import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.serving.processes import free_port, serving
from benchmarks.serving.site import COMMAND, prepare_site

_PROBE_SECONDS, _PATIENCE_SECONDS = 0.5, 2.0
#: More than fits into the buffers between two sockets.
_LARGE_FILE, _LARGE_BYTES = "large.bin", 30_000_000


def _head(_client: socket.socket) -> bytes:
    return b"GET / HTTP/1.1\r\nX-Slow: "


def _body(_client: socket.socket) -> bytes:
    cookie = b"Cookie: csrftoken=" + b"a" * 32
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
    return b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + cookie + b"\r\n" + form


def _reader(client: socket.socket) -> bytes:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return b"GET /static/%b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % _LARGE_FILE.encode()


KINDS: dict[str, Callable[[socket.socket], bytes]] = {"heads": _head, "bodies": _body, "readers": _reader}


def _be_slow(kind: str, port: int, count: int, ended: threading.Event) -> None:
    """Run slow clients until `ended`; a client that the server disconnects does not return."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        clients.append(client)
        start = KINDS[kind](client)
        client.settimeout(5)
        with suppress(OSError):
            client.connect(("127.0.0.1", port))
            client.sendall(start)
    while not ended.wait(1):
        for client in clients:
            client.settimeout(0.001)
            with suppress(OSError):
                client.recv(1) if kind == "readers" else client.send(b"x")
    for client in clients:
        client.close()


def _is_reached(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def measure(kind: str, port: int, count: int, seconds: float) -> tuple[float, float]:
    """Return the seconds without a response to the probe during the slow clients, and after they have left."""
    ended = threading.Event()
    slow = threading.Thread(target=_be_slow, args=(kind, port, count, ended))
    slow.start()
    time.sleep(2)
    unreachable, started = 0.0, time.monotonic()
    while time.monotonic() < started + seconds:
        asked = time.monotonic()
        is_reached = _is_reached(port)
        time.sleep(max(asked + _PROBE_SECONDS - time.monotonic(), 0))
        if not is_reached:
            unreachable += time.monotonic() - asked
    ended.set()
    slow.join()
    left = time.monotonic()
    while not _is_reached(port) and time.monotonic() < left + seconds:
        time.sleep(_PROBE_SECONDS)
    return unreachable, time.monotonic() - left


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=[7, 8, 200], help="how many slow clients")
    parser.add_argument("--seconds", type=float, default=40, help="how long they stay")
    parser.add_argument("command", nargs="*", help="another server; {port} stands for its port")
    options = parser.parse_args(arguments)
    print("| slow | clients | unreachable | of | after they left |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        site = prepare_site(Path(name) / "site", "student_cnn")
        (Path(site.env["STATIC_ROOT"]) / _LARGE_FILE).write_bytes(bytes(_LARGE_BYTES))
        for kind in KINDS:
            for count in options.counts:
                port = free_port()
                command = [part.format(port=port) for part in options.command] or COMMAND
                env = site.env | {"PORT": str(port), "SWEEP_AT_START": "false"}
                with serving(command, env=env, log=Path(name) / f"{kind}.log") as server:
                    server.wait_until_listening(port)
                    while not _is_reached(port):
                        server.check_alive()
                    during, after = measure(kind, port, count, options.seconds)
                print(f"| {kind} | {count} | {during:.0f} s | {options.seconds:.0f} s | {after:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
