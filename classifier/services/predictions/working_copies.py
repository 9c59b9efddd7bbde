"""Originals that take long to decode have a working copy beside them, so that no page decodes them again."""

import logging
from contextlib import suppress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError

from classifier.models import Upload
from classifier.services.predictions.decoding import decode
from classifier.storages.stored import new_part
from ml.images.preprocessing import DecodedImage
from ml.images.working_copy import NotAWorkingCopy, WorkingCopy, from_working_copy, to_working_copy

logger = logging.getLogger(__name__)

#: CPU seconds above which decoding is worth a copy. A phone's JPEG takes 0.03, reading a copy 0.01.
EXPENSIVE_SECONDS = 0.2


def new_copy_name(upload: Upload) -> str:
    """A unique name for a working copy of the upload."""
    return f"{upload.place_in('working_copies')}-{new_part()}.png"


def copy_if_expensive(decoded: DecodedImage) -> bytes | None:
    """Return the working copy of an original that took long to decode; None for any other."""
    return to_working_copy(decoded) if decoded.seconds > EXPENSIVE_SECONDS else None


def picture_of(*, upload: Upload) -> DecodedImage:
    """Return the upload's picture from its working copy, or from the original, which then has one if it took long.

    Raises ImageError, ml.images.decoder.DecoderUnavailable, turns.Busy, OSError.
    """
    if copy := copy_of(upload=upload):
        return copy.decoded
    with upload.file.open("rb") as file:
        content = file.read()
    # Stored files stay valid, whatever the limits are now.
    decoded = decode(content=content, max_pixels=upload.width * upload.height)
    if (copy_content := copy_if_expensive(decoded)) is not None:
        _add(upload, copy_content)
    return decoded


def copy_of(*, upload: Upload) -> WorkingCopy | None:
    """Return the upload's working copy; None where there is none, or none that can be read. Raises OSError."""
    if not upload.working_copy:
        return None
    try:
        with upload.working_copy.open("rb") as file:
            return from_working_copy(file.read())
    except (FileNotFoundError, NotAWorkingCopy) as error:
        logger.warning("The working copy of the upload %s cannot be read: %s", upload.pk, error)
        return None


def _add(upload: Upload, content: bytes) -> None:
    """Store a copy of an upload that was stored before there were any, or whose copy is damaged.

    The picture is there already: what cannot be stored now is tried again with the next page.
    """
    with suppress(OSError, DatabaseError):
        before = upload.working_copy.name
        name = default_storage.save(new_copy_name(upload), ContentFile(content))
        # Another page may have stored one, or the upload may have been deleted.
        if Upload.objects.filter(pk=upload.pk, working_copy=before).update(working_copy=name):
            upload.working_copy = name
            if before:
                default_storage.delete(before)
        else:
            default_storage.delete(name)
