"""WSGI middleware: a body shorter than its Content-Length is an error, not a shorter body."""

import io
from collections.abc import Callable, Iterable
from typing import Protocol

#: Django reads 64 KB at a time; for each read, Gunicorn copies what it has received beyond that.
_PIECE_BYTES = 256 * 1024


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _WholeBody(io.RawIOBase):
    """A request body whose read raises ConnectionResetError if it ends early."""

    def __init__(self, stream: _Readable, length: int) -> None:
        self._stream, self._left = stream, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), self._left)
        data = self._stream.read(wanted) if wanted else b""
        if len(data) < wanted:
            raise ConnectionResetError("The body has ended early.")
        buffer[:wanted] = data
        self._left -= wanted
        return wanted


def whole_bodies(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return the application, which never takes a part of a body for the whole."""

    def check(environ: dict, start_response: Callable) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal():
            body = _WholeBody(environ["wsgi.input"], int(length))
            environ["wsgi.input"] = io.BufferedReader(body, _PIECE_BYTES)
        return application(environ, start_response)

    return check
