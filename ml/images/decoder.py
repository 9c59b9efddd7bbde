"""One process that decodes image files, and the connection to it. Nothing that it sends is trusted."""

import json
import logging
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from PIL import Image

from ml.images.decoder_process import ANSWER, NO_MEMORY, READY, REQUEST, send
from ml.images.errors import DamagedImage, ImageError, TooMuchMemory
from ml.images.formats import FORMATS
from ml.images.pixels import WORKING_SIDE
from ml.images.preprocessing import STEPS, DecodedImage

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
#: The variables that a decoder needs; the rest of the environment may contain secrets.
_NEEDED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_START_SECONDS = 60.0
#: How long to wait for the end of a process that has closed its socket.
_END_SECONDS = 1.0
#: The exit codes of a process killed from outside, by the OOM killer for example.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
#: The largest description and the largest image that a decoder may send, in bytes.
_MAX_DESCRIPTION, _MAX_PIXELS = 10_000, 3 * WORKING_SIDE**2
#: The errors that a decoder may report.
_ERRORS: dict[str, type[ImageError]] = {
    error.code: error for error in ImageError.__subclasses__() if error.__module__ == ImageError.__module__
}


class DecoderUnavailable(Exception):
    """No decoder can be started; the message says why."""


class TooSlow(ImageError):
    code = "too_slow"
    message = "Reading the image takes more than {limit} seconds. Make it smaller, or save it as JPEG, and retry."


class Ended(Exception):
    """The decoder was killed from outside, which is not the file's fault."""


class Decoder:
    """A decoder process and the socket to it."""

    def __init__(self, command: list[str]) -> None:
        self.is_ready = False
        self.channel, theirs = socket.socketpair()
        try:
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=_ROOT, env=_environment()
                )
        except OSError as error:
            self.channel.close()
            raise DecoderUnavailable(f"A decoder cannot be started: {error}") from error

    def ask(self, content: bytes, max_pixels: int, seconds: int) -> DecodedImage | ImageError:
        """Return the decoder's reply for a file. Any exception means that it must be stopped.

        Raises ImageError, DecoderUnavailable and Ended.
        """
        self._wait_until_ready()
        try:
            return self._ask(content, max_pixels, seconds)
        except TimeoutError as error:
            logger.error("Stopped a decoder after %d s on a file of %d bytes.", seconds, len(content))
            raise TooSlow(limit=seconds) from error
        except OSError as error:
            raise self._reason(content) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            logger.error(
                "Stopped a decoder: it sent an invalid reply after a file of %d bytes: %s.", len(content), error
            )
            raise DamagedImage() from error

    def end(self) -> int:
        """Stop the process if it runs, and return its exit code."""
        self.channel.close()
        self.process.kill()
        return self.process.wait()

    def _wait_until_ready(self) -> None:
        if self.is_ready:
            return
        try:
            self._receive(len(READY), time.monotonic() + _START_SECONDS)
        except OSError as error:
            raise DecoderUnavailable(f"A decoder cannot be started: {error}") from error
        self.is_ready = True

    def _ask(self, content: bytes, max_pixels: int, seconds: int) -> DecodedImage | ImageError:
        deadline = time.monotonic() + seconds
        request = REQUEST.pack(len(content), max_pixels, seconds)
        self.channel.settimeout(seconds)
        send(self.channel, request, content)
        length, pixels = ANSWER.unpack(self._receive(ANSWER.size, deadline))
        if length > _MAX_DESCRIPTION or pixels > _MAX_PIXELS:
            raise ValueError(f"{length} and {pixels} bytes")
        description = json.loads(self._receive(length, deadline))
        return _understand(description, self._receive(pixels, deadline))

    def _receive(self, length: int, deadline: float) -> bytearray:
        received = bytearray(length)
        rest = memoryview(received)
        while rest:
            self.channel.settimeout(max(deadline - time.monotonic(), 0.001))
            count = self.channel.recv_into(rest)
            if not count:
                raise ConnectionResetError("it has ended")
            rest = rest[count:]
        return received

    def _reason(self, content: bytes) -> Exception:
        """Return the error for a decoder that has ended by itself."""
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(_END_SECONDS)
        if code == NO_MEMORY:
            return TooMuchMemory()
        if code in _FROM_OUTSIDE:
            return Ended()
        logger.error("A decoder crashed (%s) on a file of %d bytes.", code, len(content))
        return DamagedImage()


def _understand(description: dict, pixels: bytearray) -> DecodedImage | ImageError:
    """Validate the reply of a decoder, which is untrusted: a file may have taken it over."""
    if "error" in description:
        values = {name: int(value) for name, value in description["values"].items()}
        return _ERRORS[description["error"]](**values)
    kind, steps = description["format"], tuple(description["steps"])
    (width, height), size = map(int, description["size"]), (int(description["width"]), int(description["height"]))
    if kind not in FORMATS or not set(steps) <= set(STEPS) or min(width, height, *size) < 1:
        raise ValueError("there is no such image")
    if len(pixels) != 3 * width * height:
        raise ValueError(f"{len(pixels)} bytes are no picture of {width} x {height}")
    picture = Image.frombytes("RGB", (width, height), pixels)
    return DecodedImage(picture, kind, *size, steps, float(description["seconds"]))


def _environment() -> dict[str, str]:
    """The environment of a decoder: without secrets, and without NumPy's threads, which cost memory."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"}
