"""Checks the markup of every page that a test renders."""

import re
from collections import Counter
from collections.abc import Callable

import html5lib
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: What no fault depends on: the values of attributes, but for ids, and text, but for whether there is any.
_VALUE = re.compile(r"""(?<!\bid)="[^"<>&]*\"""")
_TEXT = re.compile(r">[^<>&]*[^<>&\s][^<>&]*(?=<)")


class MarkupMiddleware:
    """Fails the test that has rendered HTML with duplicate attributes, duplicate ids or misnested elements."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
            faults = faults_of(response.content.decode())
            assert faults == [], f"{request.method} {request.path}: {faults}"
        return response


_known: dict[str, tuple[str, ...]] = {}


def _faults(text: str) -> tuple[str, ...]:
    """Parse it, which takes a tenth of a second, unless a page of the same markup was parsed before."""
    markup = _TEXT.sub(">text", _VALUE.sub('=""', text))
    if markup not in _known:
        _known[markup] = _parsed(text)
    return _known[markup]


def _parsed(text: str) -> tuple[str, ...]:
    parser = html5lib.HTMLParser()
    if text.lstrip()[:9].lower() == "<!doctype":
        tree = parser.parse(text)
    else:
        # A part of a page, for htmx.
        tree = parser.parseFragment(text, container="div")
    lines = text.splitlines() or [""]
    errors = [
        f"{code} {values or ''} in {lines[place[0] - 1].strip()[:300]!r}"
        for place, code, values in parser.errors
        # A form shows again what was sent, control characters too.
        if code != "invalid-codepoint"
    ]
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    return (*errors, *(f"duplicate id {name!r}" for name, count in ids.items() if count > 1))


def faults_of(text: str) -> list[str]:
    """The parse errors of the HTML standard and the duplicate ids of a page, or of a part of one, in words."""
    return [*_faults(text)]
