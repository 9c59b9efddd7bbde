"""Who asks, over HTTP."""

from django.utils.translation import gettext_lazy
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api.representations import MeSerializer
from classifier.api.schema import operation


class Me(APIView):
    @operation(
        operation_id="read_me",
        summary=gettext_lazy("Read whose account this is"),
        description=gettext_lazy("And which token the request was made with, what it may do and until when."),
        answer=MeSerializer,
        example=schema_examples.ME,
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(request).data)
