"""Turn an uploaded file into an image to classify, or into an error with a clear message."""

import hashlib
import time
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files import File
from django.utils.translation import gettext as _

from classifier.models.upload import composed
from classifier.services.predictions.decoding import decode
from ml.images import errors as image_errors
from ml.images import formats
from ml.images.decoder import TooSlow
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage


@dataclass(frozen=True)
class SubmittedImage:
    """The original bytes and the decoded image; `decode_milliseconds` is the decoding time."""

    content: bytes
    decoded: DecodedImage
    original_name: str
    decode_milliseconds: float

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class FileTooLarge(ImageError):
    code = "file_too_large"
    message = "The file is larger than {limit} MB. Make it smaller and retry."


#: Bytes in a megabyte, in settings, pages and the API alike.
MEGABYTE = 1_000_000

_TOO_MUCH = {error.code for error in (FileTooLarge, TooSlow, image_errors.TooManyPixels, image_errors.TooMuchMemory)}


def read_image(file: File) -> SubmittedImage:
    """Read and decode an uploaded file. Raises ImageError; `explain_image_error` puts it into the person's words."""
    limit = settings.MAX_UPLOAD_MEGABYTES
    if file.size > limit * MEGABYTE:
        raise FileTooLarge(limit=limit)
    content = file.read()
    started = time.perf_counter()
    decoded = decode(content=content, max_pixels=settings.MAX_IMAGE_MEGAPIXELS * 1_000_000)
    elapsed = 1000 * (time.perf_counter() - started)
    return SubmittedImage(content, decoded, clean_name(file.name or ""), elapsed)


def clean_name(name: str) -> str:
    """The file's own name to show again: no folders, no control or direction-changing characters, 255 at most.

    It is in Unicode's form C, whatever system the file comes from.
    """
    base = composed(PurePosixPath(name.replace("\\", "/")).name)
    kept = "".join(character for character in base if unicodedata.category(character)[0] != "C")
    return kept.strip()[:255]


def status_of(error_code: str) -> int:
    """The HTTP status of an error: 413 for too large, else 400."""
    return 413 if error_code in _TOO_MUCH else 400


def explain_image_error(error: ImageError) -> str:
    """The error message in the current language."""
    return explain_code(error.code, error.values)


def explain_code(code: str, values: dict[str, int | str]) -> str:
    """The message of this error code in the current language."""
    return _messages()[code] % ({"types": formats.NAMES} | values)


def _messages() -> dict[str, str]:
    return {
        image_errors.EmptyFile.code: _("The file is empty. Choose another one."),
        image_errors.SvgFile.code: _("This is an SVG drawing, not a photo. Save it as PNG and upload the PNG."),
        image_errors.PdfFile.code: _("This is a PDF. Save the page as a JPEG or PNG and use that."),
        image_errors.RawFile.code: _("This is a camera RAW file. Export it as a JPEG and use that."),
        image_errors.VideoFile.code: _("This is a video. Save a frame as a JPEG or PNG and use that."),
        image_errors.PhotoshopFile.code: _("This is a Photoshop document. Export it as a JPEG or PNG and use that."),
        image_errors.JpegXlFile.code: _("This is a JPEG XL image. Save it as a JPEG or PNG and use that."),
        image_errors.ArchiveFile.code: _("This is an archive. Unpack it and use the images in it."),
        image_errors.DocumentFile.code: _("This is a document. Save the image in it as a JPEG or PNG and use that."),
        image_errors.WebPage.code: _("This is a web page. Save the image on it and use that."),
        image_errors.TextFile.code: _("This is a text file. Choose an image."),
        image_errors.NotAnImage.code: _("This file type is not supported. Use one of these: %(types)s."),
        image_errors.DamagedImage.code: _("The image is damaged or incomplete. Save or download it again and retry."),
        image_errors.TooManyPixels.code: _("The image has more than %(limit)s megapixels. Make it smaller and retry."),
        image_errors.TooSmall.code: _(
            "The image has %(width)s × %(height)s pixels; each side needs at least %(limit)s. Upload a larger one."
        ),
        image_errors.TooMuchMemory.code: _(
            "Reading the image needs too much memory. Make it smaller, or save it as JPEG, and retry."
        ),
        image_errors.TooDeep.code: _(
            "The TIFF has 32 bits per channel. Save it with 8 or 16 bits per channel and retry."
        ),
        image_errors.TooManyParts.code: _("The image has too many parts. Save it again in an image editor and retry."),
        TooSlow.code: _(
            "Reading the image takes more than %(limit)s seconds. Make it smaller, or save it as JPEG, and retry."
        ),
        FileTooLarge.code: _("The file is larger than %(limit)s MB. Make it smaller and retry."),
    }
