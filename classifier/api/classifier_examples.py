"""Examples of own classifiers over HTTP: add, list, relabel and remove them."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples_own as examples
from classifier.api.classifier_refusals import NOT_THERE, classifier_refusal
from classifier.api.classifier_representations import (
    ExamplePageSerializer,
    ExampleSerializer,
)
from classifier.api.classifier_serializers import (
    ExampleChangeSerializer,
    NewExampleSerializer,
)
from classifier.api.classifiers import own_classifier
from classifier.api.fields import KnownNamesSerializer
from classifier.api.page_links import links, requested_page
from classifier.api.parsers import MultiPartParser
from classifier.api.schema import CLASSIFIER_ID, EXAMPLE_ID, operation
from classifier.api.serializers import PagedSerializer
from classifier.api.validation import valid, valid_form, valid_query
from classifier.models import Classifier, Example
from classifier.models.upload import folded
from classifier.services.classifiers import collection
from classifier.services.classifiers.collection import Added
from classifier.services.classifiers.failures import ClassifierError
from classifier.services.people.ownership import predictions_of
from classifier.services.predictions.intake import explain_image_error
from classifier.web.requests import owner_of
from ml.images.errors import ImageError


class Examples(APIView):
    parser_classes: list[type[BaseParser]] = [MultiPartParser]

    def images_in(self, _request: Request) -> int:
        return 1

    @operation(
        operation_id="list_examples",
        summary=gettext_lazy("List the examples of a classifier"),
        description=gettext_lazy("The newest first, one page at a time. Follow “next” until it is null."),
        parameters=[CLASSIFIER_ID, PagedSerializer],
        answer=ExamplePageSerializer,
        example=examples.EXAMPLE_PAGE,
        errors=(400, 404),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        query = valid_query(PagedSerializer, request)
        page = requested_page(_detailed(own_classifier(request, classifier_id)), query.page)
        context = {"request": request}
        return Response(
            links(page, request) | {"results": ExampleSerializer(page.items, many=True, context=context).data}
        )

    @operation(
        operation_id="add_example",
        summary=gettext_lazy("Add an example"),
        description=gettext_lazy(
            "Send an image as the file “image” of a multipart form, or the id of a prediction, and its class. The same "
            "image again is the same example, with the status 200."
        ),
        parameters=[CLASSIFIER_ID],
        request={"multipart/form-data": NewExampleSerializer},
        answer=ExampleSerializer,
        example=examples.EXAMPLE,
        status=201,
        more_responses={200: OpenApiResponse(ExampleSerializer, gettext_lazy("It was there already."))},
        errors=(400, 403, 404, 409, 415),
    )
    def post(self, request: Request, classifier_id: UUID) -> Response:
        found = own_classifier(request, classifier_id)
        sent = valid_form(NewExampleSerializer, request, address=KnownNamesSerializer).validated_data
        try:
            added = _add(request, found, sent)
        except ImageError as error:
            raise ValidationError({"image": explain_image_error(error)}, code=error.code) from error
        except ClassifierError as error:
            raise classifier_refusal(error, "class_name" if "class_" in error.code else "image") from error
        response = _represent(request, added.example)
        if added.is_new:
            response.status_code, response["Location"] = 201, response.data["url"]
        return response


class OneExample(APIView):
    @operation(
        operation_id="read_example",
        parameters=[CLASSIFIER_ID, EXAMPLE_ID],
        summary=gettext_lazy("Read an example"),
        description=gettext_lazy("One of your own; anybody else's is not found."),
        answer=ExampleSerializer,
        example=examples.EXAMPLE,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID, example_id: UUID) -> Response:
        return _represent(request, _own(request, classifier_id, example_id).get())

    @operation(
        operation_id="change_example",
        parameters=[CLASSIFIER_ID, EXAMPLE_ID],
        summary=gettext_lazy("Relabel an example"),
        description=gettext_lazy("Changes what is sent. The class has to exist."),
        request=ExampleChangeSerializer,
        examples=[OpenApiExample("another class", {"class_name": "nuts"}, request_only=True)],
        answer=ExampleSerializer,
        example=examples.EXAMPLE,
        errors=(400, 403, 404, 415),
    )
    def patch(self, request: Request, classifier_id: UUID, example_id: UUID) -> Response:
        found = _own(request, classifier_id, example_id)
        sent = valid(ExampleChangeSerializer, request.data).validated_data
        if "class_name" in sent:
            name, learnt_class = sent["class_name"], None
            if name is not None:
                learnt_class = found.get().classifier.classes.filter(folded_name=folded(name)).first()
                if learnt_class is None:
                    raise ValidationError({"class_name": NOT_THERE}, code="no_such_class")
            collection.label(examples=found, learnt_class=learnt_class)
        if "must_stay_right" in sent:
            found.update(must_stay_right=sent["must_stay_right"])
        return _represent(request, _own(request, classifier_id, example_id).get())

    @operation(
        operation_id="remove_example",
        parameters=[CLASSIFIER_ID, EXAMPLE_ID],
        summary=gettext_lazy("Remove an example"),
        description=gettext_lazy("Its image stays if it is in the history or in another classifier."),
        answer=None,
        status=204,
        errors=(403, 404),
    )
    def delete(self, request: Request, classifier_id: UUID, example_id: UUID) -> Response:
        collection.remove(examples=_own(request, classifier_id, example_id))
        return Response(status=204)


def _add(request: Request, found: Classifier, sent: dict) -> Added:
    if "image" in sent:
        return collection.add_image(file=sent["image"], classifier=found, class_name=sent.get("class_name", ""))
    prediction = predictions_of(owner_of(request)).filter(pk=sent["prediction"]).first()
    if prediction is None:
        raise ValidationError(
            {"prediction": gettext_lazy("You have no prediction with this ID.")}, code="no_such_prediction"
        )
    learnt_class = collection.class_named(classifier=found, name=sent["class_name"])
    return collection.add_from_history(prediction=prediction, learnt_class=learnt_class)


def _detailed(found: Classifier) -> QuerySet[Example]:
    return found.examples.select_related("learnt_class", "upload", "classifier")


def _own(request: Request, classifier_id: UUID, example_id: UUID) -> QuerySet[Example]:
    """The example with this id, as a query of one row. Raises Http404."""
    found = _detailed(own_classifier(request, classifier_id)).filter(pk=example_id)
    if not found.exists():
        raise Http404
    return found


def _represent(request: Request, example: Example) -> Response:
    return Response(ExampleSerializer(example, context={"request": request}).data)
