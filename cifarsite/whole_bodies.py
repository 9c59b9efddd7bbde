"""WSGI middleware: a body shorter than its Content-Length is an error, not a shorter body."""

from collections.abc import Callable, Iterable
from typing import BinaryIO


class _WholeBody:
    """A server's stream, of which a read raises ConnectionResetError where it ends early."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        return self._received(self._stream.read(wanted), wanted)

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline(size)
        return self._received(line, len(line) or min(1, self._left))

    def _received(self, data: bytes, wanted: int) -> bytes:
        if len(data) < wanted:
            raise ConnectionResetError("The body has ended early.")
        self._left -= len(data)
        return data


def whole_bodies(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return the application, which never takes a part of a body for the whole."""

    def check(environ: dict, start_response: Callable) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal():
            environ["wsgi.input"] = _WholeBody(environ["wsgi.input"], int(length))
        return application(environ, start_response)

    return check
