"""A PostgreSQL server of the tests' own, where its programs are installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PLACES = os.pathsep.join([os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A function that creates an empty database of a collation, and returns its DATABASE_URL."""
    initdb, server, psql = (shutil.which(name, path=_PLACES) for name in ("initdb", "postgres", "psql"))
    if not (initdb and server and psql):
        pytest.skip("needs PostgreSQL's programs")
    # Root may not run it.
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    who = {"user": account.pw_uid, "group": account.pw_gid} if os.geteuid() == 0 else {}
    # A socket's path is short, and every folder above it is open to the server.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        command = [initdb, "-D", str(folder / "data"), "-U", "site", "-A", "trust", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, **who)
        options = ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([server, "-D", str(folder / "data"), *options], stdout=log, stderr=log, **who)
        try:
            _run(psql, folder, "SELECT 1", tries=200)
            yield lambda collation="C.UTF-8": _database(psql, folder, collation)
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _database(psql: str, folder: Path, collation: str) -> str:
    name = f"site_{uuid.uuid4().hex[:8]}"
    provider = f"LOCALE_PROVIDER icu ICU_LOCALE '{collation}'" if collation != "C.UTF-8" else ""
    _run(psql, folder, f"CREATE DATABASE {name} TEMPLATE template0 {provider}")
    return f"postgres://site@{str(folder).replace('/', '%2F')}/{name}"


def _run(psql: str, folder: Path, statement: str, tries: int = 1) -> None:
    """Run a statement; while the server starts, psql says so at once."""
    command = [psql, "-h", str(folder), "-U", "site", "-d", "postgres", "-qc", statement]
    for left in reversed(range(tries)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
        if not left:
            raise AssertionError(done.stderr)
