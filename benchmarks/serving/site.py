"""The site as `make run` serves it, with a database, uploads and an account of its own."""

import http.cookiejar
import os
import re
import secrets
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.load import Endpoint
from benchmarks.serving.processes import ROOT, Server, free_port, serving

#: The command of `make run`, with the Python of this process.
COMMAND = (sys.executable, "-m", "gunicorn", "--config", "python:cifarsite.gunicorn", "cifarsite.wsgi")


@dataclass(frozen=True)
class Site:
    """A site ready to start: its environment except the port, and the token and cookies of a signed-in person."""

    env: dict[str, str]
    token: str
    cookies: str

    def endpoint(self, port: int) -> Endpoint:
        return Endpoint(
            f"http://127.0.0.1:{port}",
            "/",
            expected="data-prediction=",
            fields={"csrfmiddlewaretoken": self.token},
            # As the page's script sends it: the response contains the result and does not redirect.
            headers={"Cookie": self.cookies, "HX-Request": "true"},
        )


def prepare_site(folder: Path, model: str) -> Site:
    """Create tables and static files in a new folder, activate a shipped model, and sign a person up over HTTP."""
    folder.mkdir()
    env = _environment(folder)
    for arguments in (
        ("migrate", "--verbosity", "0"),
        ("collectstatic", "--no-input", "--verbosity", "0"),
        ("models", "activate", model, "--yes"),
    ):
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True)  # noqa: S603
    port = free_port()
    with serving(COMMAND, env={**env, "PORT": str(port)}, log=folder / "site.log") as server:
        server.wait_until_listening(port)
        token, cookies = _sign_up(f"http://127.0.0.1:{port}", server)
    return Site(env, token, cookies)


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DEBUG": "false",
        "HTTPS": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "RUNS_DIR": str(folder / "runs"),
        # Limits are checked as in production, but too high for one person who uploads for minutes.
        "THROTTLE_CLASSIFY_PERSON": "1000000/minute",
        "THROTTLE_CLASSIFY_ADDRESS": "1000000/minute",
        "THROTTLE_WORK_PERSON": "1000000/minute",
        "THROTTLE_WORK_ADDRESS": "1000000/minute",
    }


def _sign_up(address: str, server: Server) -> tuple[str, str]:
    """Create an account as a person does; return the form's token and the browser's cookies."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({}))
    page = f"{address}/accounts/sign-up/"
    password = secrets.token_urlsafe(20)
    form = {"username": "benchmark", "password1": password, "password2": password}
    token = _token(browser.open(page).read().decode())
    browser.open(page, urllib.parse.urlencode(form | {"csrfmiddlewaretoken": token}).encode()).close()
    token = _token(browser.open(f"{address}/").read().decode())
    cookies = {cookie.name: cookie.value for cookie in jar}
    if "sessionid" not in cookies:
        raise server.failure("did not sign the new person in")
    return token, "; ".join(f"{name}={value}" for name, value in cookies.items())


def _token(page: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
