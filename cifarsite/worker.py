"""Gunicorn's threads, which no client can keep for as long as it likes.

A thread reads and writes one connection at a time, so each wait for a client is bounded: for the head of its request,
for the body, for its taking the answer, and for its closing. Of no use under TLS, which is a proxy's to speak.
"""

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.workers import gthread

#: The whole head of a request arrives within so many seconds.
HEAD_SECONDS = float(os.environ.get("CLIENT_HEAD_SECONDS") or 10)
#: For a body it is waited so long, and again for as long as what has arrived may take: twenty megabytes have twenty
#: minutes. So it is for an answer to be taken.
BODY_SECONDS = float(os.environ.get("CLIENT_BODY_SECONDS") or 30)
BYTES_PER_SECOND = float(os.environ.get("CLIENT_BYTES_PER_SECOND") or 16_000)
#: A connection that brings nothing by then is waited for without a thread.
_FIRST_BYTE_SECONDS = 0.05
#: So long, and for so many bytes, a client may go on after the answer before the connection is closed on it.
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 65_536


class SlowHead(Exception):
    """A client has not sent the head of a request in time."""


class _Pace:
    """How much longer a client may be waited for: only waiting counts, and what it moves gives time back."""

    def __init__(self, seconds: float, bytes_per_second: float | None = None) -> None:
        self.left = self.most = seconds
        self.bytes_per_second = bytes_per_second

    def record(self, seconds: float, count: int) -> None:
        self.left -= seconds
        if self.bytes_per_second:
            # Never more than in the beginning: much at once, as the system's buffers take it, is no promise of more.
            self.left = min(self.left + count / self.bytes_per_second, self.most)


class Connection(socket.socket):
    """A client's socket of which every blocking wait is bounded."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.is_over = False
        self.expect_head()

    def expect_head(self) -> None:
        self.is_head = True
        self.arriving = _Pace(HEAD_SECONDS)
        self.leaving = _Pace(BODY_SECONDS, BYTES_PER_SECOND)

    def expect_body(self) -> None:
        self.is_head = False
        self.arriving = _Pace(BODY_SECONDS, BYTES_PER_SECOND)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.is_over:
            return b""
        if self.gettimeout() == 0:
            return super().recv(size, flags)
        try:
            received = self._in_time(self.arriving, self.arriving.left, len, super().recv, size, flags)
        except TimeoutError as error:
            if self.is_head and self.arriving.left <= 0:
                raise SlowHead("The head of a request did not arrive in time.") from error
            raise
        if not received and not self.is_head and size:
            # Nobody reads more than the body was announced to have: it has ended early.
            raise ConnectionResetError(errno.ECONNRESET, "The body has ended early.")
        return received

    def sendall(self, data: bytes, flags: int = 0) -> None:
        if self.gettimeout() == 0:
            return super().sendall(data, flags)
        seconds = self.leaving.left + len(data) / BYTES_PER_SECOND
        try:
            self._in_time(self.leaving, seconds, lambda _none: len(data), super().sendall, data, flags)
        except TimeoutError as error:
            raise _not_taken() from error

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        whole = os.fstat(file.fileno()).st_size - offset if count is None else count
        given, sent = self.gettimeout(), 0
        self.setblocking(False)
        try:
            while sent < whole and (piece := self._send_piece(file.fileno(), offset + sent, whole - sent)):
                sent += piece
        finally:
            self.settimeout(given)
        return sent

    def linger(self) -> None:
        """Say that nothing more will come, and read what still does until the client closes, within bounds."""
        self.is_head, self.arriving = True, _Pace(_LINGER_SECONDS)
        left = _LINGER_BYTES
        with suppress(OSError, SlowHead):
            self.setblocking(True)
            self.shutdown(socket.SHUT_WR)
            while left > 0 and (piece := self.recv(left)):
                left -= len(piece)
        self.is_over = True

    def _send_piece(self, file: int, offset: int, count: int) -> int:
        started, sent = time.monotonic(), 0
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_WRITE)
                if self.leaving.left <= 0 or not selector.select(self.leaving.left):
                    raise _not_taken()
            sent = os.sendfile(self.fileno(), file, offset, count)
            return sent
        finally:
            self.leaving.record(time.monotonic() - started, sent)

    def _in_time(self, pace: _Pace, seconds: float, count: Callable[[Any], int], act: Callable, *arguments) -> Any:
        """Act within these seconds at most, and record what it took and moved."""
        if seconds <= 0:
            raise TimeoutError
        given = self.gettimeout()
        started, moved = time.monotonic(), 0
        self.settimeout(seconds if given is None else min(seconds, given))
        try:
            result = act(*arguments)
            moved = count(result)
            return result
        finally:
            pace.record(time.monotonic() - started, moved)
            self.settimeout(given)


def _not_taken() -> OSError:
    return BrokenPipeError(errno.EPIPE, "The client does not take its answer.")


class Worker(gthread.ThreadWorker):
    def enqueue_req(self, conn: gthread.TConn) -> None:
        if not isinstance(conn.sock, Connection):
            conn.sock = Connection(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: gthread.TConn) -> object:
        if not conn.initialized and not conn.wait_for_data(_FIRST_BYTE_SECONDS):
            return gthread._DEFER
        conn.sock.expect_head()
        is_kept = super().handle(conn)
        if not is_kept:
            # Here, not where Gunicorn does it: there all other clients would wait for this one.
            conn.sock.linger()
        return is_kept

    def handle_request(self, req: Any, conn: gthread.TConn) -> bool:
        conn.sock.expect_body()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, SlowHead):
            return super().handle_error(req, client, addr, exc)
        self.log.warning("Invalid request: %s", exc)
        try:
            util.write_error(client, 408, "Request Timeout", str(exc))
        except OSError:
            self.log.debug("Failed to send error message.")
