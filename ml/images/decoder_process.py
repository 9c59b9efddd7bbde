"""A process that decodes image files for another one: `python -m ml.images.decoder_process MEGABYTES`.

Its standard input is a socket. A request is REQUEST and then the file's content; the answer is ANSWER and then a
description in JSON and the picture's RGB bytes. It says READY once, and ends when nobody is at the other end any more.
Codecs are given bytes from strangers: here a fault of theirs ends a process that has nothing else in its hands.
"""

import io
import json
import resource
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from PIL import Image

from ml.images.codecs import webp_still
from ml.images.errors import DamagedImage, ImageError, TooMuchMemory
from ml.images.pixels import WORKING_SIDE
from ml.images.preprocessing import DecodedImage, decode

READY = b"R"
#: The size of the file, the limit of pixels, the limit of seconds.
REQUEST = struct.Struct("!QQI")
#: The sizes of the description and of the image.
ANSWER = struct.Struct("!II")
#: Its exit status when even the file does not fit in memory.
NO_MEMORY = 3

_MEGABYTE = 1024 * 1024
#: Below this size, copying is cheaper than sending twice.
_SMALL = 100_000
#: Extra seconds after which a decoder that was not stopped ends itself: its parent is gone.
_GRACE = 5
#: Bytes per pixel for codecs that report a damaged file when they run out of memory.
_NEEDED = {"HEIF": 8, "AVIF": 10, "CMYK": 8, "WEBP": 20}


def serve(channel: socket.socket, limit: int) -> None:
    """Reply to requests until the other end is closed; limit: the memory limit of this process, in bytes."""
    channel.sendall(READY)
    while request := _receive(channel, REQUEST.size):
        # Codecs keep some memory after a file.
        left = limit - _own_data()
        length, max_pixels, seconds = REQUEST.unpack(request)
        content = _receive(channel, length)
        if len(content) < length:
            return
        # Left to the system, because a codec that hangs never returns to Python.
        signal.alarm(seconds + _GRACE)
        description, pixels = _answer(content, max_pixels, left)
        signal.alarm(0)
        # Free the memory before the next file arrives.
        content = b""
        send(channel, ANSWER.pack(len(description), len(pixels)) + description, pixels)


def send(channel: socket.socket, head: bytes, body: bytes) -> None:
    """Send head and body, together if the body is small, so that the receiver wakes up once."""
    if len(body) < _SMALL:
        channel.sendall(head + body)
    else:
        channel.sendall(head)
        channel.sendall(body)


def _receive(channel: socket.socket, length: int) -> bytes:
    try:
        return channel.recv(length, socket.MSG_WAITALL) if length else b""
    except MemoryError:
        sys.exit(NO_MEMORY)


def _answer(content: bytes, max_pixels: int, left: int) -> tuple[bytes, bytes]:
    # Refuse early what a codec would need too much memory for; `decode` checks the exact number of pixels.
    Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
    started = time.process_time()
    try:
        image = _decode(content, max_pixels, left)
    except ImageError as error:
        return json.dumps({"error": error.code, "values": error.values}).encode(), b""
    return _describe(image, time.process_time() - started)


def _describe(image: DecodedImage, seconds: float) -> tuple[bytes, bytes]:
    names = ("format", "width", "height", "steps")
    description = {name: getattr(image, name) for name in names} | {
        "size": image.picture.size,
        "seconds": seconds,
    }
    return json.dumps(description).encode(), image.picture.tobytes()


def _decode(content: bytes, max_pixels: int, left: int) -> DecodedImage:
    try:
        return decode(content, max_pixels=max_pixels)
    except MemoryError as error:
        raise TooMuchMemory() from error
    except DamagedImage as error:
        if _needs_more(content, left):
            raise TooMuchMemory() from error
        raise


def _needs_more(content: bytes, limit: int) -> bool:
    """Whether the file is so large that its codec, which never reports it, must have run out of memory."""
    is_webp = content[8:12] == b"WEBP"
    if is_webp and (size := webp_still.large_size_of(content)):
        return size[0] * size[1] * webp_still.bytes_a_pixel(content) > limit
    if is_webp:
        # Reading the size alone already takes the memory; Pillow refuses images of twice this size before that.
        Image.MAX_IMAGE_PIXELS = limit // _NEEDED["WEBP"] // 2
    try:
        image = Image.open(io.BytesIO(content), formats=["WEBP", "JPEG", "HEIF", "AVIF"])
    except Image.DecompressionBombError:
        return is_webp
    except Exception:
        return False
    needed = _NEEDED.get(image.format or "") or _NEEDED.get(image.mode, 0)
    return image.width * image.height * needed > limit


def _confine(megabytes: int) -> int:
    """Limit this process's resources to those of decoding, and return the memory limit in bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    limit = _own_data() + megabytes * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return limit


def _own_data() -> int:
    """The memory in use, as the system counts it for RLIMIT_DATA."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * int(status.partition("VmData:")[2].split()[0])


def main() -> None:
    megabytes = int(sys.argv[1])
    # The parent gets the same signals, and needs the decoder until the last reply.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Import all codecs now, so that none is looked for on the disk later.
    Image.init()
    limit = _confine(megabytes)
    with socket.socket(fileno=0) as channel:
        # A buffer for a whole image, if the system allows it, so that both sides wake up once.
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 3 * WORKING_SIDE**2)
        serve(channel, limit)


if __name__ == "__main__":
    main()
