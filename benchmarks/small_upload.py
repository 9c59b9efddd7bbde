"""The CPU time of a small upload in two checkouts, in turn, through the whole WSGI application.

    git worktree add ../before main
    python -m benchmarks.small_upload ../before . --rounds 15

Each checkout runs in its own process with its own database and a signed-in person. Prints a Markdown table: medians of
the rounds, and the median of the rounds' ratios. Other work on the machine slows both alike.
"""

import argparse
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

#: The request of the plain form, and of the page's script.
STEPS = ("first page", "upload by the script", "upload without it", "page of the result")
_BOUNDARY = "small-upload"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=40, help="Of each step, in a round.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sites = [_start(checkout, Path(folder) / side) for side, checkout in vars(options).items() if side in _SIDES]
        rounds = [[_ask(site, options.requests) for site in sites] for _ in range(options.rounds)]
        for site in sites:
            site.stdin.close()
            site.wait()
    print(table(rounds))


_SIDES = ("before", "after")


def table(rounds: list[list[list[float]]]) -> str:
    """rounds: the milliseconds of each step, by round and checkout."""
    lines = ["| CPU of one request | Before | After | Ratio |", "| --- | --- | --- | --- |"]
    for step, name in enumerate(STEPS):
        before, after = (statistics.median(one[side][step] for one in rounds) for side in range(2))
        ratio = statistics.median(one[1][step] / one[0][step] for one in rounds)
        lines.append(f"| {name} | {before:.2f} ms | {after:.2f} ms | {ratio:.2f} |")
    return "\n".join(lines)


def _start(checkout: Path, folder: Path) -> subprocess.Popen:
    folder.mkdir()
    env = {
        **os.environ,
        "PYTHONPATH": str(checkout.resolve()),
        "DEBUG": "false",
        "HTTPS": "false",
        "ALLOWED_HOSTS": "testserver",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "SYNC_TO_DISK": "false",
        "LOG_LEVEL": "WARNING",
        **{f"THROTTLE_{what}_{whom}": "1000000/minute" for what in _LIMITED for whom in ("PERSON", "ADDRESS")},
    }
    command = [sys.executable, str(Path(__file__).resolve()), "--serve"]
    return subprocess.Popen(  # noqa: S603
        command, cwd=checkout, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


_LIMITED = ("CLASSIFY", "WORK", "READ")


def _ask(site: subprocess.Popen, requests: int) -> list[float]:
    print(requests, file=site.stdin, flush=True)
    return [float(value) for value in site.stdout.readline().split()]


def _serve() -> None:
    """For each number on stdin, make so many requests and print the milliseconds of each step."""
    steps = _steps(*_sign_in())
    for _ in range(5):
        _measure(steps, 5)
    for line in sys.stdin:
        print(*_measure(steps, int(line)), flush=True)


def _measure(steps: Iterable[Callable[[], None]], requests: int) -> list[float]:
    taken = []
    for step in steps:
        started = time.process_time()
        for _ in range(requests):
            step()
        taken.append(1000 * (time.process_time() - started) / requests)
    return taken


def _sign_in() -> tuple[Callable, str]:
    """Return the application, and the cookie of a person who is signed in."""
    sys.path[0] = os.environ["PYTHONPATH"]
    os.environ["DJANGO_SETTINGS_MODULE"] = "cifarsite.settings"
    import django
    from django.core.management import call_command
    from django.test import Client

    django.setup()
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    browser = Client()
    browser.force_login(User.objects.create_user("olena"), "django.contrib.auth.backends.ModelBackend")
    if "olena" not in browser.get("/").text:
        raise SystemExit("Nobody is signed in.")
    return application, "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


def _steps(application: Callable, cookie: str) -> tuple[Callable[[], None], ...]:
    def request(path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
        answered = {}
        environ = {
            "REQUEST_METHOD": "POST" if body else "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": cookie,
            "HTTP_ACCEPT_ENCODING": "gzip" if path != "/" else "",
            "CONTENT_TYPE": f"multipart/form-data; boundary={_BOUNDARY}",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            **headers,
        }
        response = application(environ, lambda status, headers: answered.update(headers, status=status))
        content = b"".join(response)
        response.close()
        if answered["status"][0] not in "23":
            raise SystemExit(f"{path}: {answered['status']}: {content.decode(errors='replace')[:500]}")
        return answered | {"content": content}

    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', request("/")["content"].decode())[1]
    image = _image()

    def upload(**headers: str) -> dict[str, Any]:
        # Each is a submission of its own, as each file of a page is.
        return request("/", _body({"csrfmiddlewaretoken": token, "submission": str(uuid4())}, image), **headers)

    page = upload()["Location"]
    return (
        lambda: request("/"),
        lambda: upload(HTTP_HX_REQUEST="true"),
        upload,
        lambda: request(page),
    )


def _image() -> bytes:
    import numpy as np
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def _body(fields: dict[str, str], image: bytes) -> bytes:
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append('Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n')
    text = "".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts)
    return text.encode().removesuffix(b"\r\n") + image + f"\r\n--{_BOUNDARY}--\r\n".encode()


if __name__ == "__main__":
    _serve() if "--serve" in sys.argv else main()
