"""Codecs that crash, hang, take too much memory or lie: the file is refused, and the next one is decoded."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.images.decoder import DecoderUnavailable, TooSlow
from ml.images.decoder_pool import Decoders
from ml.images.errors import (
    DamagedImage,
    EmptyFile,
    ImageError,
    NotAnImage,
    SvgFile,
    TooManyPixels,
    TooMuchMemory,
    TooSmall,
)
from ml.images.preprocessing import decode
from ml.tests.factories import encode, exif, photograph, quadrants, raw_png, swapped_profile

#: Beginnings of decoders that do what no file can be trusted to make the real ones do.
PRELUDE = """
import os, signal, socket, struct, time
channel = socket.socket(fileno=0)
channel.sendall(b"R")
def receive():
    length, pixels, seconds = struct.unpack("!QQI", channel.recv(20, socket.MSG_WAITALL))
    return channel.recv(length, socket.MSG_WAITALL)
def answer(description, pixels=b""):
    channel.sendall(struct.pack("!II", len(description), len(pixels)) + description + pixels)
def refuse():
    answer(b'{"error": "svg_file", "values": {}}')
"""


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(1, 20, 200)
    yield decoders
    decoders.close()


@pytest.fixture
def faulty() -> Iterator[Callable[[str], Decoders]]:
    """A function that makes decoders each of which does this."""
    made = []

    def make(act: str, prelude: str = PRELUDE, seconds: int = 20, processes: int = 1) -> Decoders:
        made.append(Decoders(processes, seconds, 200, [sys.executable, "-c", f"{prelude}\n{act}"]))
        return made[-1]

    yield make
    for decoders in made:
        decoders.close()


def process_of(decoders: Decoders) -> int:
    (decoder,) = decoders._idle
    return decoder.process.pid


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


ROOT = Path(__file__).parents[2]
PICTURE = encode(photograph(), "JPEG")


@pytest.mark.parametrize(
    "content",
    [
        PICTURE,
        encode(photograph(2000, 1500), "JPEG", exif=exif(6), icc_profile=swapped_profile()),
        encode(quadrants(), "HEIF"),
        encode(Image.new("RGBA", (700, 900), (255, 0, 0, 128)), "PNG"),
        encode(Image.new("L", (8, 4000)), "WEBP"),
        encode(photograph(), "GIF", save_all=True, append_images=[photograph(seed=1)]),
    ],
    ids=["JPEG", "large JPEG, turned", "HEIC", "transparent PNG", "narrow WebP", "animated GIF"],
)
def test_picture_is_the_one_that_is_decoded_in_place(decoders, content):
    theirs, own = decoders.decode(content), decode(content)
    assert theirs.picture.tobytes() == own.picture.tobytes()
    assert theirs.picture.mode == "RGB"
    facts = ("format", "width", "height", "steps", "content_type", "extension")
    assert [getattr(theirs, fact) for fact in facts] == [getattr(own, fact) for fact in facts]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyFile()),
        (b"<svg/>", SvgFile()),
        (b"\0hello", NotAnImage()),
        (PICTURE[:1000], DamagedImage()),
        (raw_png(8000, 8000, 1, 0, b""), TooManyPixels(limit=50)),
        (encode(Image.new("L", (3, 5)), "PNG"), TooSmall(width=3, height=5, limit=8)),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_file_is_refused_as_in_place(decoders, content, error):
    with pytest.raises(type(error), match=f"^{error}$") as caught:
        decoders.decode(content)
    assert caught.value.values == error.values


def test_pixel_limit_is_the_callers_to_set(decoders):
    assert decoders.decode(PICTURE, max_pixels=96 * 64).width == 96
    with pytest.raises(TooManyPixels):
        decoders.decode(PICTURE, max_pixels=96 * 64 - 1)


def test_one_process_decodes_file_after_file(decoders):
    decoders.decode(PICTURE)
    process = process_of(decoders)
    for content in (PICTURE, b"\0rubbish", PICTURE):
        try:
            decoders.decode(content)
        except NotAnImage:
            assert content == b"\0rubbish"
    assert process_of(decoders) == process


# Crashes


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE])
def test_crash_refuses_the_file_as_damaged_and_is_logged(faulty, caplog, number):
    decoders = faulty(f"receive(); os.kill(os.getpid(), {int(number)})")
    with pytest.raises(DamagedImage):
        decoders.decode(PICTURE)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"crashed ({-number}) on a file of {len(PICTURE)} bytes" in record.message


def test_process_that_was_killed_while_idle_is_replaced(decoders):
    decoders.decode(PICTURE)
    first = process_of(decoders)
    os.kill(first, signal.SIGKILL)
    assert decoders.decode(PICTURE).format == "JPEG"
    assert process_of(decoders) != first


def test_process_that_is_killed_at_work_is_replaced_and_the_file_decoded(decoders, caplog):
    decoders.decode(PICTURE)
    process = process_of(decoders)
    os.kill(process, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as executor:
        decoding = executor.submit(decoders.decode, PICTURE)
        time.sleep(0.2)
        assert not decoding.done()
        os.kill(process, signal.SIGKILL)
        assert decoding.result(10).format == "JPEG"
    assert "A decoder was killed" in caplog.text


def test_file_at_which_two_processes_are_killed_needs_too_much_memory(faulty):
    with pytest.raises(TooMuchMemory):
        faulty("receive(); os.kill(os.getpid(), signal.SIGKILL)").decode(PICTURE)


def test_crash_of_one_file_leaves_the_others_alone(faulty):
    decoders = faulty("while file := receive():\n  if file == b'bad': os.abort()\n  refuse()", processes=2)

    def outcome(number: int) -> type:
        try:
            decoders.decode(b"bad" if number % 5 == 0 else b"good")
        except ImageError as error:
            return type(error)

    with ThreadPoolExecutor(4) as executor:
        outcomes = [*executor.map(outcome, range(20))]
    assert outcomes == [DamagedImage if number % 5 == 0 else SvgFile for number in range(20)]


# Hanging


def test_hanging_decoder_is_ended_in_time(decoders, caplog):
    hurried = Decoders(1, 1, 200)
    hurried.decode(PICTURE)
    process = process_of(hurried)
    os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(TooSlow, match="more than 1 seconds"):
        hurried.decode(PICTURE)
    assert 0.9 < time.monotonic() - started < 2
    assert not is_running(process)
    assert f"after 1 s on a file of {len(PICTURE)} bytes" in caplog.text
    assert hurried.decode(PICTURE).format == "JPEG"
    hurried.close()


@pytest.mark.parametrize(
    "act",
    [
        "while True: pass",
        "receive()\nwhile True: pass",
        "receive(); channel.send(b'0')\nwhile True: pass",
        "receive()\nwhile True: channel.send(b'\\0\\0\\1\\0'); time.sleep(0.1)",
    ],
    ids=["before the file", "after the file", "after the beginning of an answer", "a byte from time to time"],
)
def test_whatever_it_hangs_at_it_is_ended(faulty, act):
    decoders = faulty(act, seconds=1)
    started = time.monotonic()
    with pytest.raises((TooSlow, DamagedImage)):
        # More than fits between the processes, so that sending it has to wait as well.
        decoders.decode(bytes(3_000_000))
    assert time.monotonic() - started < 3


def test_file_that_keeps_a_real_codec_busy_is_given_up():
    """Noise does not compress: a codec has to do with each of its pixels in each of its scans."""
    content = encode(Image.effect_noise((7000, 7000), 90), "JPEG", progressive=True, quality=95)
    hurried = Decoders(1, 1, 200)
    started = time.monotonic()
    with pytest.raises(TooSlow):
        hurried.decode(content)
    assert time.monotonic() - started < 5
    assert hurried.decode(PICTURE).format == "JPEG"
    hurried.close()


def test_decoder_that_hangs_when_nobody_is_left_ends_itself():
    """As when the site is killed: the system's clock ends the decoder, without Python's help."""
    script = """
import socket
from ml.images import decoder_process as decoder
def hang(*_arguments):
    while True: pass
decoder._GRACE, decoder._answer = 0, hang
ours, theirs = socket.socketpair()
ours.sendall(decoder.REQUEST.pack(1, 1, 1) + b"x")
decoder.serve(theirs, 100)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=20, check=False)
    assert done.returncode == -signal.SIGALRM


def test_processes_end_with_the_one_that_started_them():
    script = (
        "import os; from ml.images.decoder_pool import Decoders; decoders = Decoders(2, 20, 100); decoders.start(); "
        "print(*[one.process.pid for one in decoders._idle], flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    processes = [int(word) for word in done.stdout.split()]
    assert len(processes) == 2
    wait_until(lambda: not any(map(is_running, processes)))


# Memory


def test_too_much_memory_is_refused_and_the_next_file_decoded(decoders):
    grey = np.zeros((7000, 7100), np.uint8)
    large = encode(Image.fromarray(grey).convert("RGBA"), "PNG", compress_level=1)
    small = Decoders(1, 20, 60)
    with pytest.raises(TooMuchMemory):
        small.decode(large)
    assert small.decode(PICTURE).format == "JPEG"
    small.close()


@pytest.mark.parametrize(("kind", "options"), [("WEBP", {"method": 0}), ("HEIF", {"quality": 10})])
def test_codec_error_from_lack_of_memory_is_not_reported_as_damage(kind, options):
    content = encode(Image.new("RGB", (2000, 1500), "teal"), kind, **options)
    small = Decoders(1, 20, 20)
    with pytest.raises(TooMuchMemory):
        small.decode(content)
    small.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_fifty_megapixels_are_decoded_in_bounded_memory(mode):
    pixels = np.zeros((7000, 7100), np.uint16 if mode == "I;16" else np.uint8)
    picture = Image.fromarray(pixels)
    picture = picture if mode == "I;16" else picture.convert(mode)
    options = {"transparency": 0} if mode in ("P", "I;16") else {}
    content = encode(picture, "PNG", compress_level=1, **options)
    decoders = Decoders(1, 20, 250)
    assert decoders.decode(content).width == 7100
    status = Path(f"/proc/{process_of(decoders)}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 300 * 1024
    decoders.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_forty_eight_megapixels_of_webp_are_decoded_in_bounded_memory(mode):
    content = encode(quadrants(8000, 6000).convert(mode), "WEBP", method=0, quality=60)
    decoders = Decoders(1, 20, 360)
    image = decoders.decode(content)
    assert (image.width, image.height, image.picture.size) == (8000, 6000, (640, 480))
    status = Path(f"/proc/{process_of(decoders)}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 300 * 1024
    decoders.close()


# What a decoder is


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_decoder_knows_no_secret_and_may_write_nothing(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "very secret")
    fresh = Decoders(1, 20, 100)
    fresh.decode(PICTURE)
    process = Path(f"/proc/{process_of(fresh)}")
    assert b"PATH" in (process / "environ").read_bytes()
    assert b"SECRET" not in (process / "environ").read_bytes()
    limits = {line[:26].strip(): line[26:].split()[1] for line in (process / "limits").read_text().splitlines()}
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    assert int(limits["Max open files"]) <= 16
    fresh.close()


def test_decoder_that_cannot_be_started_is_named(faulty):
    missing = Decoders(1, 20, 100, ["/nonexistent/python"])
    for act in (missing.start, lambda: missing.decode(PICTURE)):
        with pytest.raises(DecoderUnavailable, match="cannot be started"):
            act()
    with pytest.raises(DecoderUnavailable, match="cannot be started"):
        faulty("", prelude="raise SystemExit(1)").decode(PICTURE)


@pytest.mark.parametrize(
    "act",
    [
        "answer(b'rubbish')",
        "answer(b'[]')",
        "answer(b'null')",
        """answer(b'{"error": "no such error", "values": {}}')""",
        """answer(b'{"error": "too_small", "values": {}}')""",
        """answer(b'{"error": "too_small", "values": {"width": [], "height": 1, "limit": 8}}')""",
        """answer(b'{"format": "EXE", "width": 9, "height": 9, "steps": [], "size": [1, 1]}', bytes(3))""",
        """answer(b'{"format": "PNG", "width": 9, "height": 9, "steps": ["x"], "size": [1, 1]}', bytes(3))""",
        """answer(b'{"format": "PNG", "width": 9, "height": 9, "steps": [], "size": [2, 1]}', bytes(3))""",
        """answer(b'{"format": "PNG", "width": 9, "height": 9, "steps": [], "size": [0, 0]}')""",
        "channel.sendall(b'\\xff' * 8)",
        "channel.close()",
    ],
)
def test_invalid_replies_of_a_decoder_are_rejected(faulty, act):
    decoders = faulty(f"receive(); {act}; time.sleep(20)")
    with pytest.raises(DamagedImage):
        decoders.decode(PICTURE)
    assert decoders._idle == []


def test_no_more_files_are_decoded_at_once_than_there_are_decoders(faulty):
    decoders = faulty("while receive(): time.sleep(0.1); refuse()", processes=2)
    with pytest.raises(SvgFile):
        decoders.decode(b"x")
    started = time.monotonic()
    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(decoders.decode, b"x") for _ in range(8)]:
            with pytest.raises(SvgFile):
                future.result()
    assert time.monotonic() - started > 0.4
    assert len(decoders._idle) == 2


@pytest.mark.parametrize("refuse", ['answer(b\'{"error": "too_much_memory", "values": {}}\')', "os._exit(3)"])
def test_file_is_not_refused_for_memory_that_the_files_before_have_taken(faulty, refuse):
    decoders = faulty(f"receive(); refuse()\nwhile receive(): {refuse}")
    for _ in range(3):
        with pytest.raises(SvgFile):
            decoders.decode(b"x")


def test_file_that_needs_too_much_memory_by_itself_is_asked_of_one_new_decoder(faulty, tmp_path):
    asked = tmp_path / "asked"
    decoders = faulty(
        "while file := receive():\n"
        f"  with open({str(asked)!r}, 'a') as log: log.write(f'{{os.getpid()}} ')\n"
        "  if file == b'large': os._exit(3)\n  refuse()"
    )
    with pytest.raises(SvgFile):
        decoders.decode(b"x")
    for _ in range(2):
        with pytest.raises(TooMuchMemory):
            decoders.decode(b"large")
    processes = asked.read_text().split()
    # The used one and a new one for the first, a new one alone for the second.
    assert [processes.count(one) for one in dict.fromkeys(processes)] == [2, 1, 1]


def test_nobody_waits_for_a_decoder_for_longer_than_three_files_may_take(faulty):
    seconds = []
    decoders = faulty("receive(); time.sleep(60)", seconds=1)
    with ThreadPoolExecutor(6) as executor:
        waiting = [executor.submit(decoders.decode, b"x", record=seconds.append) for _ in range(6)]
        errors = Counter(type(future.exception()) for future in waiting)
    assert set(errors) == {TooSlow, DecoderUnavailable}
    # Of every file that a decoder has had the seconds are told, whatever came of it.
    assert len(seconds) == errors[TooSlow]
