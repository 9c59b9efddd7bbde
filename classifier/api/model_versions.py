"""The published models over HTTP."""

from django.http import Http404
from django.utils.translation import gettext_lazy
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api.representations import ModelDetailSerializer, ModelListSerializer
from classifier.api.schema import MODEL, operation
from classifier.models import ModelVersion
from classifier.services.models.publishing import find_version


class Models(APIView):
    @operation(
        operation_id="list_models",
        summary=gettext_lazy("List models"),
        description=gettext_lazy("All published versions. The one marked “active” is used unless you choose another."),
        answer=ModelListSerializer,
        example=schema_examples.MODELS,
    )
    def get(self, request: Request) -> Response:
        versions = ModelVersion.objects.order_by("-active", "name", "-number")
        return Response(ModelListSerializer({"results": versions}, context={"request": request}).data)


class OneModel(APIView):
    @operation(
        operation_id="read_model",
        summary=gettext_lazy("Read a model"),
        description=gettext_lazy("The newest version of a model, or a specific one: name@2."),
        parameters=[MODEL],
        answer=ModelDetailSerializer,
        example=schema_examples.MODEL_DETAIL,
        errors=(404,),
    )
    def get(self, request: Request, model: str) -> Response:
        version = find_version(model)
        if version is None:
            raise Http404
        return Response(ModelDetailSerializer(version, context={"request": request}).data)
