"""Decode image files in separate processes, which hostile files may crash.

A decoder that crashes, hangs or takes too much memory is replaced by another; only the file that did it is refused.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ml.images.decoder import Decoder, DecoderUnavailable, Ended
from ml.images.errors import ImageError, TooMuchMemory
from ml.images.preprocessing import MAX_PIXELS, DecodedImage

logger = logging.getLogger(__name__)

#: A caller waits for a free decoder at most this many times the time limit.
_MOST_FILES_BEFORE = 3


class Decoders:
    """A pool of up to `processes` decoders, started on demand; further threads wait.

    seconds: the time limit for a file. megabytes: the memory limit for a file, per decoder.
    command: starts a decoder; for tests.
    """

    def __init__(self, processes: int, seconds: int, megabytes: int, command: list[str] | None = None) -> None:
        self.processes, self.seconds = processes, seconds
        self.command = command or [sys.executable, "-m", "ml.images.decoder_process", str(megabytes)]
        self._places = threading.BoundedSemaphore(processes)
        #: The idle decoders. The last one used is used next, because its caches are warm.
        self._idle: list[Decoder] = []

    def start(self) -> None:
        """Start all decoders without waiting for them. Raises DecoderUnavailable."""
        while len(self._idle) < self.processes:
            self._idle.append(Decoder(self.command))

    def decode(
        self, content: bytes, *, max_pixels: int = MAX_PIXELS, record: Callable[[float], None] | None = None
    ) -> DecodedImage:
        """As `preprocessing.decode`. Raises ImageError, and DecoderUnavailable.

        record: called with the decoder's processor time in seconds, also after an error.
        """
        with self._place():
            started = time.perf_counter()
            try:
                answer = self._ask(content, max_pixels)
            except Ended:
                logger.warning("A decoder was killed; retrying the file of %d bytes with another one.", len(content))
                answer = self._ask_again(content, max_pixels)
            finally:
                if record is not None:
                    record(time.perf_counter() - started)
        if isinstance(answer, ImageError):
            raise answer
        return answer

    def close(self) -> None:
        """Stop the idle decoders."""
        while self._idle:
            self._idle.pop().end()

    def abandon(self) -> None:
        """Forget the parent's decoders after a fork."""
        while self._idle:
            self._idle.pop().channel.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        seconds = _MOST_FILES_BEFORE * self.seconds
        if not self._places.acquire(timeout=seconds):
            raise DecoderUnavailable(f"All decoders were busy for {seconds} seconds.")
        try:
            yield
        finally:
            self._places.release()

    def _ask(self, content: bytes, max_pixels: int, decoder: "Decoder | None" = None) -> DecodedImage | ImageError:
        decoder = decoder or self._take()
        was_used = decoder.is_ready
        try:
            answer = decoder.ask(content, max_pixels, self.seconds)
        except TooMuchMemory as error:
            answer = error
        except BaseException:
            decoder.end()
            raise
        if not isinstance(answer, TooMuchMemory):
            self._idle.append(decoder)
            return answer
        # A codec may have left the process short of memory for the next file.
        decoder.end()
        # Earlier files may have done the same to this one, which must be judged by itself.
        return self._ask(content, max_pixels, Decoder(self.command)) if was_used else answer

    def _ask_again(self, content: bytes, max_pixels: int) -> DecodedImage | ImageError:
        try:
            return self._ask(content, max_pixels)
        except Ended:
            # Killed twice by the same file: the machine has too little memory for it.
            raise TooMuchMemory() from None

    def _take(self) -> "Decoder":
        while self._idle:
            decoder = self._idle.pop()
            if decoder.process.poll() is None:
                return decoder
            decoder.end()
        return Decoder(self.command)
