"""Uploaded files, to their owner and to staff who may see them; never from a public folder."""

from uuid import UUID

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from classifier.models import Upload
from classifier.services.ownership import uploads_of
from classifier.views.requests import owner_of


@require_safe
def image(request: HttpRequest, upload_id: UUID) -> FileResponse:
    """The file as it came, with the content type found in its bytes."""
    upload = _visible_upload(request, upload_id)
    return _respond(upload.file, upload.content_type)


@require_safe
def thumbnail(request: HttpRequest, upload_id: UUID) -> FileResponse:
    """The small JPEG made of it."""
    return _respond(_visible_upload(request, upload_id).thumbnail, "image/jpeg")


def _visible_upload(request: HttpRequest, upload_id: UUID) -> Upload:
    uploads = uploads_of(owner_of(request))
    if request.user.has_perm("classifier.view_upload"):
        uploads = Upload.objects.all()
    return get_object_or_404(uploads, pk=upload_id)


def _respond(file: FieldFile, content_type: str) -> FileResponse:
    try:
        opened = file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(opened, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    # A file never changes under its address; the browser may keep it, nobody between may.
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response
