"""Decode uploads in separate processes, a few per web process."""

import os

from django.conf import settings

from classifier.services.predictions.turns import Workers, record_work, turn
from ml.images.decoder_pool import Decoders
from ml.images.preprocessing import DecodedImage

_decoders: Decoders | None = None


def decode(*, content: bytes, max_pixels: int) -> DecodedImage:
    """Decode an untrusted image file. Raises ImageError, DecoderUnavailable, Busy."""
    with turn(Workers.DECODERS):
        return _get_pool().decode(content, max_pixels=max_pixels, record=record_work)


def start() -> None:
    """Start this process's decoders, so that the first image does not wait. Raises DecoderUnavailable."""
    _get_pool().start()


def stop() -> None:
    """Stop this process's decoders; the next image starts new ones."""
    global _decoders
    if _decoders is not None:
        _decoders.close()
    _decoders = None


def _get_pool() -> Decoders:
    global _decoders
    if _decoders is None:
        # Nothing is started yet, so a race between two threads only discards an object.
        processes = settings.DECODERS or os.cpu_count() or 1
        _decoders = Decoders(processes, settings.DECODE_SECONDS, settings.DECODE_MEGABYTES)
    return _decoders


def _forget() -> None:
    global _decoders
    if _decoders is not None:
        _decoders.abandon()
    _decoders = None


# Decoders belong to the process that started them, not to its children.
os.register_at_fork(after_in_child=_forget)
