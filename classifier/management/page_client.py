"""A visitor without a browser: uploads an image through the site's own page and reads the answer there."""

import http.client
import re
import urllib.parse
import urllib.request
import uuid
from html.parser import HTMLParser
from http.cookiejar import CookieJar


class PageError(Exception):
    """The site did not answer as its page does; the message says what came instead."""


class PageClient:
    """One anonymous visitor of the site at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._cookies = CookieJar()
        # The site is on this machine or beside it: no proxy of the environment stands between.
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies), urllib.request.ProxyHandler({})
        )
        self._token = _csrf_token(self._open("/"))

    def classify(self, content: bytes, name: str) -> tuple[str, dict[str, float]]:
        """Upload a file; return the prediction's number and the probability of every class. Raises PageError."""
        boundary = uuid.uuid4().hex
        body = b"".join(
            [
                f'--{boundary}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'.encode(),
                self._token.encode(),
                f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n".encode(),
                content,
                f"\r\n--{boundary}--\r\n".encode(),
            ]
        )
        page = self._open("/", body, f"multipart/form-data; boundary={boundary}")
        result = _Result()
        result.feed(page)
        if result.prediction is None:
            raise PageError(f"The page at {self.url} shows no result for {name}.")
        return result.prediction, result.probabilities

    def delete(self, prediction: str) -> None:
        """Delete one's own upload again. Raises PageError."""
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": self._token}).encode()
        self._open(f"/predictions/{prediction}/delete/", body, "application/x-www-form-urlencoded")

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that the site has set."""
        return next((cookie.value for cookie in self._cookies if cookie.name == name), None)

    def _open(self, path: str, body: bytes | None = None, content_type: str = "") -> str:
        # Django wants the referrer where the site is served by HTTPS.
        headers = {} if body is None else {"Content-Type": content_type, "Referer": self.url + path}
        try:
            # The address is the operator's own.
            request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310
            with self._opener.open(request, timeout=60) as response:
                return response.read().decode()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise PageError(f"{self.url}{path} did not answer as it should: {error}") from error


class _Result(HTMLParser):
    """Reads the attributes that a result carries for programs."""

    def __init__(self) -> None:
        super().__init__()
        self.prediction: str | None = None
        self.probabilities: dict[str, float] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if values.get("data-prediction"):
            self.prediction = values["data-prediction"]
        if values.get("data-probability"):
            self.probabilities[values["data-name"]] = float(values["data-probability"])


def _csrf_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    if not found:
        raise PageError("The first page has no upload form.")
    return found[1]
