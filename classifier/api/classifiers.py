"""Own classifiers over HTTP: create, list, read and delete them, and their classes."""

from uuid import UUID, uuid5

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples_own as examples
from classifier.api.classifier_refusals import classifier_refusal
from classifier.api.classifier_representations import (
    ClassifierListSerializer,
    ClassifierSerializer,
    ClassListSerializer,
    LearntClassSerializer,
    listed,
)
from classifier.api.classifier_serializers import (
    ClassNameSerializer,
    NewClassifierSerializer,
)
from classifier.api.problems import KeyConflict
from classifier.api.schema import CLASS_ID, CLASSIFIER_ID, IDEMPOTENCY_KEY, operation
from classifier.api.serializers import idempotency_key
from classifier.api.validation import valid
from classifier.models import Classifier, LearntClass
from classifier.services.classifiers import collection
from classifier.services.classifiers.failures import ClassifierError
from classifier.services.people.ownership import classifiers_of
from classifier.web.requests import owner_of

_KEYS = UUID("6b7f3a52-91d5-4f6d-a3a7-0d2c1f5e8b14")


class Classifiers(APIView):
    @operation(
        operation_id="list_classifiers",
        summary=gettext_lazy("List your classifiers"),
        description=gettext_lazy("The classifiers of your own classes, the newest first."),
        answer=ClassifierListSerializer,
        example=examples.CLASSIFIERS,
    )
    def get(self, request: Request) -> Response:
        return Response(listed(ClassifierListSerializer, classifiers_of(owner_of(request)), request))

    @operation(
        operation_id="create_classifier",
        summary=gettext_lazy("Create a classifier"),
        description=gettext_lazy("Add examples of each class next, then train it."),
        parameters=[IDEMPOTENCY_KEY],
        request=NewClassifierSerializer,
        examples=[
            OpenApiExample("three kinds", {"name": "fasteners", "classes": ["bolts", "nuts"]}, request_only=True)
        ],
        answer=ClassifierSerializer,
        example=examples.CLASSIFIER,
        status=201,
        errors=(400, 403, 409, 415),
    )
    def post(self, request: Request) -> Response:
        sent, owner = valid(NewClassifierSerializer, request.data).validated_data, owner_of(request)
        key = idempotency_key(request)
        pk = None if key is None else uuid5(_KEYS, f"{request.user.pk}\n{key}")
        try:
            made = collection.create_classifier(
                owner=owner, name=sent["name"], class_names=sent.get("classes", ()), pk=pk
            )
        except ClassifierError as error:
            raise classifier_refusal(error, "classes" if "class" in error.code else "name") from error
        if made.name != sent["name"]:
            raise KeyConflict
        response = _represent(request, made)
        response.status_code, response["Location"] = 201, response.data["url"]
        return response


class OneClassifier(APIView):
    @operation(
        operation_id="read_classifier",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("Read a classifier"),
        description=gettext_lazy("One of your own; anybody else's is not found."),
        answer=ClassifierSerializer,
        example=examples.CLASSIFIER,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        return _represent(request, own_classifier(request, classifier_id))

    @operation(
        operation_id="delete_classifier",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("Delete a classifier"),
        description=gettext_lazy("Permanently deletes it with its images, its versions and their predictions."),
        answer=None,
        status=204,
        errors=(403, 404),
    )
    def delete(self, request: Request, classifier_id: UUID) -> Response:
        collection.delete_classifier(classifier=own_classifier(request, classifier_id))
        return Response(status=204)


class Classes(APIView):
    @operation(
        operation_id="list_classes",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("List the classes of a classifier"),
        description=gettext_lazy("In the order in which they were created."),
        answer=ClassListSerializer,
        example=examples.CLASSES,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        return Response(listed(ClassListSerializer, own_classifier(request, classifier_id).classes.all(), request))

    @operation(
        operation_id="create_class",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("Add a class"),
        description=gettext_lazy("Returns the class of this name; it is created if there is none."),
        request=ClassNameSerializer,
        examples=[OpenApiExample("a class", {"name": "bolts"}, request_only=True)],
        answer=LearntClassSerializer,
        example=examples.CLASS,
        errors=(400, 403, 404, 409, 415),
    )
    def post(self, request: Request, classifier_id: UUID) -> Response:
        found = own_classifier(request, classifier_id)
        name = valid(ClassNameSerializer, request.data).validated_data["name"]
        try:
            return Response(LearntClassSerializer(collection.class_named(classifier=found, name=name)).data)
        except ClassifierError as error:
            raise classifier_refusal(error, "name") from error


class OneClass(APIView):
    @operation(
        operation_id="rename_class",
        parameters=[CLASSIFIER_ID, CLASS_ID],
        summary=gettext_lazy("Rename a class"),
        description=gettext_lazy("Versions that were trained before keep the old name."),
        request=ClassNameSerializer,
        examples=[OpenApiExample("another name", {"name": "bolts"}, request_only=True)],
        answer=LearntClassSerializer,
        example=examples.CLASS,
        errors=(400, 403, 404, 409, 415),
    )
    def put(self, request: Request, classifier_id: UUID, class_id: int) -> Response:
        found = _own_class(request, classifier_id, class_id)
        name = valid(ClassNameSerializer, request.data).validated_data["name"]
        try:
            collection.rename_class(learnt_class=found, name=name)
        except ClassifierError as error:
            raise classifier_refusal(error, "name") from error
        return Response(LearntClassSerializer(found).data)

    @operation(
        operation_id="delete_class",
        parameters=[CLASSIFIER_ID, CLASS_ID],
        summary=gettext_lazy("Delete a class"),
        description=gettext_lazy("Its images stay, without a label."),
        answer=None,
        status=204,
        errors=(403, 404),
    )
    def delete(self, request: Request, classifier_id: UUID, class_id: int) -> Response:
        collection.delete_class(learnt_class=_own_class(request, classifier_id, class_id))
        return Response(status=204)


def own_classifier(request: Request, classifier_id: UUID) -> Classifier:
    """The person's classifier with this id. Raises Http404."""
    return get_object_or_404(classifiers_of(owner_of(request)), pk=classifier_id)


def _own_class(request: Request, classifier_id: UUID, class_id: int) -> LearntClass:
    return get_object_or_404(own_classifier(request, classifier_id).classes, pk=class_id)


def _represent(request: Request, found: Classifier) -> Response:
    return Response(ClassifierSerializer(found, context={"request": request}).data)
