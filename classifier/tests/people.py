"""People who use a site that is served, over HTTP and all the time."""

import http.client
import http.cookiejar
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from classifier.tests.factories import image_bytes, image_file
from classifier.tests.pages import elements

CHANCE = random.Random()  # noqa: S311


class Person:
    """Uploads on and on, deletes some of it again, and remembers what the site has answered."""

    def __init__(self, number: int) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))
        self.token = ""
        self.pictures = [image_bytes(seed=seed, width=200, height=150) for seed in range(number, number + 5)]
        self.kept: set[str] = set()
        self.deleted: set[str] = set()
        self.answers = self.cut_off = 0

    def go_on(self, address: Callable[[], str], ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self.act(address())
            except urllib.error.HTTPError:
                raise  # an answer, and no good one
            except (OSError, http.client.HTTPException) as error:
                # One that nobody listens to was never under way.
                self.cut_off += not isinstance(getattr(error, "reason", None), ConnectionRefusedError)
                time.sleep(0.02)

    def act(self, address: str) -> None:
        if not self.token:
            page = self.open(f"{address}/", None)
            self.token = next(tag["value"] for tag in elements(page, "value") if "csrf" in tag.get("name", ""))
        picture = image_file(content=CHANCE.choice(self.pictures))
        (answer,) = elements(self.open(f"{address}/", {"image": picture}), "data-upload-answer")
        self.kept.add(answer["data-prediction"])
        self.answers += 1
        if self.answers % 4 == 0:
            number = self.kept.pop()  # in doubt until it is answered
            self.open(f"{address}/predictions/{number}/delete/", {})
            self.deleted.add(number)

    def open(self, address: str, fields: dict | None) -> str:
        headers = {"Content-Type": MULTIPART_CONTENT} | ({"HX-Request": "true"} if fields else {})
        body = None if fields is None else encode_multipart(BOUNDARY, {**fields, "csrfmiddlewaretoken": self.token})
        with self.opener.open(urllib.request.Request(address, body, headers), timeout=60) as answer:  # noqa: S310
            return answer.read().decode()
