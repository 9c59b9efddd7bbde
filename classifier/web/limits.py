"""Limits per route: requests and body size. The URLs declare them, and a test checks all of them."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import ismethod
from typing import Any

from django.urls import URLPattern, URLResolver

from classifier.services.people.throttling import Throttle


def limited(view: Callable, **methods: Throttle) -> Callable:
    """Return the view with rate limits by method: `limited(view, POST=Throttle.CLASSIFY)`."""
    marked: Any = view  # functions take attributes
    marked.limits = methods | ({"HEAD": methods["GET"]} if "GET" in methods else {})
    return view


def unlimited(view: Callable) -> Callable:
    """Mark a view as unlimited because it costs no more than any page."""
    return limited(view)


def takes(view: Callable, *, images: int = 0, archives: int = 0) -> Callable:
    """Set how many images or archives a request to the view may contain; other views accept none."""
    marked: Any = view
    marked.images, marked.archives = images, archives
    return view


def staff_only(urls: tuple[list, str, str], **named: dict[str, Throttle]) -> tuple[list, str, str]:
    """Return an administration's URLs, unlimited but for the named routes: `staff_only(urls, login={"POST": ...})`."""
    patterns, _app, _namespace = urls
    for pattern in _all(patterns):
        if ismethod(pattern.callback):
            # A bound method accepts no attributes.
            pattern.callback = wraps(pattern.callback)(partial(pattern.callback))
        limited(pattern.callback, **named.get(pattern.name or "", {}))
    return urls


def limits_of(view: Any) -> dict[str, Throttle] | None:
    """The limited methods of a view and their throttles; None if nothing is declared."""
    return getattr(view, "limits", None)


def images_of(view: Any) -> int:
    """The number of images that a request to a view may contain."""
    return getattr(view, "images", 0)


def archives_of(view: Any) -> int:
    """How many archives a request may bring to a view."""
    return getattr(view, "archives", 0)


def _all(patterns: list[URLPattern | URLResolver]) -> list[URLPattern]:
    found = []
    for pattern in patterns:
        found += _all(pattern.url_patterns) if isinstance(pattern, URLResolver) else [pattern]
    return found
