"""Uploaded files, to their owner, the owner's teacher and staff who may see them; never from a public folder."""

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from classifier.models import Upload
from classifier.services.groups.work import uploads_of_pupils
from classifier.services.people.ownership import current_uploads, uploads_of
from classifier.web.image_responses import image_response, thumbnail_response
from classifier.web.requests import owner_of


@require_safe
def image(request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
    """The file as it came, with the content type found in its bytes."""
    return image_response(_visible_upload(request, upload_id))


@require_safe
def thumbnail(request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
    """The small JPEG made of it."""
    return thumbnail_response(_visible_upload(request, upload_id))


def _visible_upload(request: HttpRequest, upload_id: UUID) -> Upload:
    uploads = uploads_of(owner_of(request))
    if request.user.has_perm("classifier.view_upload"):
        uploads = current_uploads()
    if (found := uploads.filter(pk=upload_id).first()) is not None:
        return found
    return get_object_or_404(uploads_of_pupils(request.user), pk=upload_id)
