"""deploy/nginx.conf in front of the site: it takes slow clients upon itself, and what it forwards is its own."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings

from classifier.services.predictions.batch import MOST_IMAGES
from classifier.tests.factories import BASE_DIR, image_bytes
from classifier.tests.server import Site, serve
from classifier.tests.test_hostile_clients import Visitor, read
from classifier.web.bodies import most_bytes

CONFIGURATION = BASE_DIR / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="needs nginx")
SLOW_CLIENTS = 200


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """A site of one thread, which one slow client could keep from everybody else."""
    variables = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1", "SWEEP_AT_START": "false", "BEHIND_PROXY": "true"}
    with serve(tmp_path_factory.mktemp("server"), **variables) as site:
        yield site


@pytest.fixture(scope="module")
def behind(site, tmp_path_factory) -> Iterator[Site]:
    """The same site, as it is reached through nginx."""
    with nginx(tmp_path_factory.mktemp("nginx"), site.address) as address:
        yield site._replace(address=address)


@contextmanager
def nginx(folder: Path, upstream: str, **changes: str) -> Iterator[str]:
    """Start nginx as it is shipped, but for this machine's folders, ports and addresses; yield where it listens."""
    port = free_port()
    text = CONFIGURATION.read_text()
    for old, new in {
        "/tmp/nginx.pid": f"{folder}/pid",  # noqa: S108
        "/dev/stderr": f"{folder}/log",
        "/var/cache/nginx": str(folder),
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "http://web:8080": upstream,
        **changes,
    }.items():
        assert old in text
        text = text.replace(old, new)
    if os.geteuid() == 0:
        # nginx would give its requests to a user who may not write the folder.
        text = "user root;\n" + text
    (folder / "nginx.conf").write_text(text)
    command = [NGINX, "-e", folder / "log", "-c", folder / "nginx.conf"]
    subprocess.run([*command, "-t"], check=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        while not is_listening(port):
            assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def is_listening(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def requests_in_log(site: Site) -> list[dict]:
    lines = (site.folder / "log").read_text().splitlines()
    return [line for line in map(json.loads, filter(lambda line: line.startswith("{"), lines)) if "route" in line]


@needs_nginx
@pytest.mark.parametrize("kind", ["heads", "bodies"])
def test_slow_requests_do_not_reach_the_site(behind, kind):
    visitor = Visitor(behind)
    before = len(requests_in_log(behind))
    with ExitStack() as stack:
        clients = [stack.enter_context(visitor.connect()) for _ in range(SLOW_CLIENTS)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nX-Slow: " if kind == "heads" else visitor.head(1000) + b"--")
        # The site has one thread: it answers because none of them has got to it.
        assert visitor.upload().status == 302
        assert len(requests_in_log(behind)) == before + 1
        for client in clients:
            client.sendall(b"x")


@needs_nginx
def test_clients_that_do_not_take_their_answer_keep_no_thread(behind):
    visitor = Visitor(behind)
    (Path(behind.env["STATIC_ROOT"]) / "large.bin").write_bytes(bytes(30_000_000))
    with ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((visitor.host, int(visitor.port)))
            client.sendall(b"GET /static/large.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert visitor.upload().status == 302


@needs_nginx
def test_connection_without_a_complete_head_is_closed(behind):
    started = time.monotonic()
    with Visitor(behind).connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert read(client).status in (0, 408)
    assert 8 < time.monotonic() - started < 20


@needs_nginx
def test_body_in_chunks_reaches_the_site_whole(behind):
    visitor = Visitor(behind)
    body = visitor.body(image_bytes())
    head = visitor.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert visitor.ask(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)).status == 302


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


SENT = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Request-ID": "12345678"}


def forwarded(address: str, **options) -> dict[str, str]:
    """The headers that reach a site behind nginx when a client sends its own."""
    request = urllib.request.Request(address, headers=SENT)  # noqa: S310
    with urllib.request.urlopen(request, **options) as answer:  # noqa: S310
        return json.load(answer)


@needs_nginx
def test_forged_forwarded_address_is_ignored(echo, tmp_path):
    with nginx(tmp_path, echo) as address:
        received = forwarded(address)
    assert received["X-Forwarded-For"] == "127.0.0.1"
    assert received["X-Forwarded-Proto"] == "http"
    assert re.fullmatch("[0-9a-f]{32}", received["X-Request-ID"])
    # With its port, by which a form's origin is compared.
    assert received["Host"] == address.removeprefix("http://")


@needs_nginx
def test_forwarded_address_of_a_named_proxy_is_used(echo, tmp_path):
    named = {
        "# set_real_ip_from 192.0.2.1;": "set_real_ip_from 127.0.0.1;",
        "# real_ip_header": "real_ip_header",
        "# 192.0.2.1 1;": "127.0.0.1 1;",
    }
    with nginx(tmp_path, echo, **named) as address:
        received = forwarded(address)
    assert received["X-Forwarded-For"] == "198.51.100.7"
    assert received["X-Forwarded-Proto"] == "https"


@needs_nginx
@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_https_needs_no_more_than_the_lines_that_are_there(echo, tmp_path):
    key, certificate, port = tmp_path / "privkey.pem", tmp_path / "fullchain.pem", free_port()
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-keyout", key]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate], check=True)
    lines = {
        "# listen 8443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "# ssl_certificate": "ssl_certificate",
        "# ssl_protocols": "ssl_protocols",
        "/certificates": str(tmp_path),
    }
    with nginx(tmp_path, echo, **lines):
        context = ssl.create_default_context(cafile=certificate)
        received = forwarded(f"https://127.0.0.1:{port}", context=context)
    assert received["X-Forwarded-Proto"] == "https"
    assert received["X-Forwarded-For"] == "127.0.0.1"


def test_largest_body_is_the_sites():
    sizes = [int(size) for size in re.findall(r"client_max_body_size (\d+)m;", CONFIGURATION.read_text())]
    # nginx counts in mebibytes: a body between the two sizes is the site's to refuse.
    assert sizes == [most_bytes(MOST_IMAGES) // 1_000_000, most_bytes(0, 1) // 1_000_000]
    assert (settings.MAX_UPLOAD_MEGABYTES, settings.MAX_ARCHIVE_MEGABYTES) == (20, 2000)


@needs_nginx
@pytest.mark.parametrize(("path", "status"), [("/jobs/", 200), ("/api/v1/jobs/", 200), ("/", 413), ("/jobs/x/", 413)])
def test_archives_pass_only_where_they_are_accepted(echo, tmp_path, path, status):
    """By what a head announces: nobody sends 700 MB here."""
    with nginx(tmp_path, echo) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(700 * 1024**2))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        answer = connection.sock.recv(64).decode()
        connection.close()
    assert (" 413 " in answer) is (status == 413), answer
