"""Images and thumbnails over HTTP, for their owner only."""

from uuid import UUID

from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from classifier.api.schema import PREDICTION_ID, operation
from classifier.web.image_responses import image_response, thumbnail_response
from classifier.web.requests import own_prediction


class PictureRenderer(BaseRenderer):
    """Says that pictures may be asked for; the view sends them itself, and problems are JSON."""

    media_type = "image/*"
    format = "image"


class Image(APIView):
    renderer_classes = [PictureRenderer]

    @operation(
        operation_id="read_image",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Download image"),
        description=gettext_lazy("The original file. Its Content-Type is the upload’s “content_type”."),
        answer=OpenApiTypes.BINARY,
        errors=(404,),
    )
    def get(self, request: Request, prediction_id: UUID) -> HttpResponseBase:
        return image_response(own_prediction(request, prediction_id).upload)


class Thumbnail(APIView):
    renderer_classes = [PictureRenderer]

    @operation(
        operation_id="read_thumbnail",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Download a thumbnail"),
        description=gettext_lazy("A JPEG of at most 320 pixels, as shown in the history."),
        answer=OpenApiTypes.BINARY,
        errors=(404,),
    )
    def get(self, request: Request, prediction_id: UUID) -> HttpResponseBase:
        return thumbnail_response(own_prediction(request, prediction_id).upload)
