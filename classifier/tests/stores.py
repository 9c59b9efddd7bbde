"""S3 servers of the tests' own: OpenStack Swift, which checks keys and signatures, and moto, which is fast."""

import getpass
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from classifier.tests.factories import BASE_DIR

_PROGRAMS = Path(os.environ.get("STORES_VENV") or BASE_DIR / ".venv-stores") / "bin"
BUCKET = "site-of-the-tests"
_PLENTY_SECONDS = 240

_RINGS = """
import sys
from swift.common.ring.builder import RingBuilder
for number, kind in enumerate(("account", "container", "object"), 1):
    ring = RingBuilder(4, 1, 1)
    place = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(sys.argv[number]), "device": "d1", "weight": 1}
    ring.add_dev(place)
    ring.rebalance()
    ring.get_ring().save(f"{kind}.ring.gz")
"""
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/srv
mount_check = false
workers = 0
log_level = WARNING
user = {user}
"""
_SERVER = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_FILTERS = ("catch_errors", "listing_formats", "copy", "bulk", "slo", "dlo")
_PROXY = """
[pipeline:main]
pipeline = catch_errors listing_formats cache s3api tempauth copy bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
paste.filter_factory = remembered:filter_factory
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
allow_no_owner = true
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
""" + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in _FILTERS)
#: What Swift looks up for each request, which it otherwise has from a memcached: half of its work.
_REMEMBERED = """
class Remembered(dict):
    def set(self, key, value, **options):
        self[key] = value

    def get(self, key, *arguments, **options):
        return super().get(key)

    def delete(self, key, *arguments, **options):
        self.pop(key, None)

def filter_factory(*_defaults, **_options):
    remembered = Remembered()
    return lambda app: lambda env, start: app(env | {"swift.cache": remembered}, start)
"""
_HASHES = """
[swift-hash]
swift_hash_path_suffix = tests
swift_hash_path_prefix = tests
[storage-policy:0]
name = one
default = yes
"""


@dataclass
class Store:
    """A running server with a bucket, and the prefix that a test uses in it."""

    endpoint: str
    access_key: str
    secret_key: str
    prefix: str = ""
    #: Of Swift alone: ends the server that the site talks to while a block runs.
    away: Callable[[], AbstractContextManager[None]] = nullcontext

    def for_one_test(self) -> "Store":
        return replace(self, prefix=f"test-{uuid.uuid4().hex[:8]}")

    def storages(self, **changes: str) -> dict[str, dict]:
        """Django's STORAGES of a site that stores its files here."""
        variables = {
            "prefix": self.prefix,
            "bucket": BUCKET,
            "endpoint": self.endpoint,
            "region": "us-east-1",
        } | changes
        default = {"BACKEND": "classifier.storages.objects.ObjectStorage", "OPTIONS": variables | changes}
        return {**settings.STORAGES, "default": default}

    def environment(self) -> dict[str, str]:
        """The settings of a site that stores its files here."""
        return {
            "STORAGE_URL": f"s3://{BUCKET}/{self.prefix}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def client(self, **changes: str):
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key} | changes
        config = Config(
            s3={"addressing_style": "path"}, signature_version="s3v4", request_checksum_calculation="when_required"
        )
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", config=config, **keys)


@contextmanager
def swift(folder: Path) -> Iterator[Store]:
    _need("swift-proxy-server")
    (folder / "srv" / "d1").mkdir(parents=True)
    proxy, *ports = (_free_port() for _ in range(4))
    subprocess.run([_PROGRAMS / "python", "-c", _RINGS, *map(str, ports)], cwd=folder, check=True)
    (folder / "swift.conf").write_text(_HASHES)
    (folder / "remembered.py").write_text(_REMEMBERED)
    processes: dict[str, subprocess.Popen] = {}

    def start(kind: str) -> None:
        processes[kind] = _start(folder, f"swift-{kind}-server", str(folder / f"{kind}.conf"))

    @contextmanager
    def away() -> Iterator[None]:
        processes["proxy"].kill()
        processes["proxy"].wait()
        yield
        start("proxy")

    try:
        for kind, port in zip(("account", "container", "object", "proxy"), (*ports, proxy)):
            common = _COMMON.format(port=port, folder=folder, user=getpass.getuser())
            (folder / f"{kind}.conf").write_text(common + (_PROXY if kind == "proxy" else _SERVER.format(kind=kind)))
            start(kind)
        yield _ready(Store(f"http://127.0.0.1:{proxy}", "test:tester", "testing", away=away))
    finally:
        _end([*processes.values()])


@contextmanager
def moto(folder: Path) -> Iterator[Store]:
    _need("moto_server")
    port = _free_port()
    processes = [_start(folder, "moto_server", "-H", "127.0.0.1", "-p", str(port))]
    try:
        yield _ready(Store(f"http://127.0.0.1:{port}", "tester", "testing"))
    finally:
        _end(processes)


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory) -> Iterator[Store]:
    with swift(tmp_path_factory.mktemp("swift")) as store:
        yield store


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory) -> Iterator[Store]:
    with moto(tmp_path_factory.mktemp("moto")) as store:
        yield store


@pytest.fixture(params=["local", "swift"])
def store(request, settings, monkeypatch) -> Store | None:
    """The site of the test stores its files on the local disk, where this is None, or in Swift."""
    return None if request.param == "local" else use(request.getfixturevalue("swift_server"), settings, monkeypatch)


def use(server: Store, settings, monkeypatch) -> Store:
    """Let the site of a test store its files on a server."""
    store = server.for_one_test()
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    settings.STORAGES, settings.STORAGE_URL = store.storages(), store.environment()["STORAGE_URL"]
    return store


def _need(program: str) -> None:
    if not (_PROGRAMS / program).exists():
        pytest.skip("needs requirements-stores.txt: make test installs them")


def _start(folder: Path, program: str, *arguments: str) -> subprocess.Popen:
    with (folder / f"{program}.log").open("w") as log:
        env = {**os.environ, "PYTHONPATH": str(folder)}
        return subprocess.Popen([_PROGRAMS / program, *arguments], cwd=folder, env=env, stdout=log, stderr=log)


def _ready(store: Store) -> Store:
    """Make the bucket as soon as the server answers."""
    until = time.monotonic() + _PLENTY_SECONDS
    while True:
        try:
            store.client().create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            assert time.monotonic() < until, store
            time.sleep(0.2)
        else:
            return store


def _end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
