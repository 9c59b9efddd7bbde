"""The current account over HTTP."""

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
        summary=gettext_lazy("Read the current account"),
        description=gettext_lazy("Also returns the token used for the request, its scope and its expiry."),
        answer=MeSerializer,
        example=schema_examples.ME,
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(request).data)
