"""Responses that are a person's image: private, and never treated as anything but an image.

Their Content-Security-Policy is that of every response which is no page, see headers.py.
"""

from typing import TypeVar

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header

from classifier.models import Upload
from classifier.services.history.export import safe_name
from classifier.storages.stored import site_storage

Response = TypeVar("Response", bound=HttpResponseBase)


def image_response(upload: Upload) -> HttpResponseBase:
    """The original file, with the type and extension of its content. Raises Http404 if the file is gone."""
    return _stored(upload.file, upload.content_type, safe_name(upload))


def thumbnail_response(upload: Upload) -> HttpResponseBase:
    """The thumbnail, a JPEG. Raises Http404 if the file is gone."""
    return _stored(upload.thumbnail, "image/jpeg", "thumbnail.jpg")


def png_response(content: bytes, *, name: str) -> HttpResponse:
    """A generated PNG; the same URL always returns the same one."""
    return _guarded(HttpResponse(content, content_type="image/png"), name)


def _stored(file: FieldFile, content_type: str, name: str) -> HttpResponseBase:
    if settings.SERVE_UPLOADS == "accel":
        # For nginx alone, which does not pass it on.
        place = site_storage().internal_place(file.name or "", content_type=content_type)
        response: HttpResponseBase = HttpResponse(content_type=content_type, headers={"X-Accel-Redirect": place})
        return _guarded(response, name, "immutable")
    try:
        opened = file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return _guarded(FileResponse(opened, content_type=content_type), name, "immutable")


def _guarded(response: Response, name: str, *lasting: str) -> Response:
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = content_disposition_header(False, name) or "inline"
    # The content of a URL never changes: let the browser cache it, but no proxy and for no other person.
    response["Cache-Control"] = ", ".join(("private", "max-age=86400", *lasting))
    patch_vary_headers(response, ["Authorization", "Cookie"])
    return response
