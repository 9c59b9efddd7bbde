"""Trainings and versions of own classifiers over HTTP."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api import schema_examples_own as examples
from classifier.api.classifier_refusals import classifier_refusal, gate_refusal
from classifier.api.classifier_representations import (
    ComparisonListSerializer,
    RunListSerializer,
    VersionListSerializer,
    VersionSerializer,
    listed,
)
from classifier.api.classifier_serializers import (
    ActivationSerializer,
)
from classifier.api.classifiers import own_classifier
from classifier.api.job_refusals import refusal_of
from classifier.api.job_representations import JobSerializer
from classifier.api.schema import CLASSIFIER_ID, VERSION, operation
from classifier.api.validation import valid
from classifier.models import Comparison, ModelVersion
from classifier.services.classifiers.failures import ClassifierError, GateRefuses
from classifier.services.classifiers.promotion import promote
from classifier.services.classifiers.training import versions_of
from classifier.services.jobs.failures import JobError
from classifier.services.jobs.submission import submit_training, trainings_of
from classifier.web.requests import owner_of


class Runs(APIView):
    @operation(
        operation_id="list_runs",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("List the trainings of a classifier"),
        description=gettext_lazy("Its training jobs, the newest first."),
        answer=RunListSerializer,
        example=examples.RUNS,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        return Response(listed(RunListSerializer, trainings_of(own_classifier(request, classifier_id)), request))

    @operation(
        operation_id="train_classifier",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("Train a classifier"),
        description=gettext_lazy(
            "Training is a job of seconds; ask the address in Location whether it has finished. While one runs, "
            "the same job is returned."
        ),
        request=None,
        answer=JobSerializer,
        example=schema_examples.JOB | {"kind": "train", "name": "fasteners", "model": None, "failures": []},
        status=202,
        errors=(400, 403, 404, 409),
    )
    def post(self, request: Request, classifier_id: UUID) -> Response:
        try:
            job = submit_training(classifier=own_classifier(request, classifier_id))
        except ClassifierError as error:
            raise classifier_refusal(error, "") from error
        except JobError as error:
            raise refusal_of(error, "") from error
        response = Response(JobSerializer(job, context={"request": request}).data, status=202)
        response["Location"] = response.data["url"]
        return response


class Versions(APIView):
    @operation(
        operation_id="list_versions",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("List the versions of a classifier"),
        description=gettext_lazy("The newest first, each with its figures."),
        answer=VersionListSerializer,
        example=examples.VERSIONS,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        return Response(listed(VersionListSerializer, versions_of(own_classifier(request, classifier_id)), request))


class OneVersion(APIView):
    @operation(
        operation_id="read_version",
        parameters=[CLASSIFIER_ID, VERSION],
        summary=gettext_lazy("Read a version"),
        description=gettext_lazy("How good it is on images that it had not seen."),
        answer=VersionSerializer,
        example=examples.VERSION,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID, number: int) -> Response:
        return _represent(request, _own(request, classifier_id, number))


class Activate(APIView):
    @operation(
        operation_id="activate_version",
        parameters=[CLASSIFIER_ID, VERSION],
        summary=gettext_lazy("Use a version"),
        description=gettext_lazy(
            "A version against which the comparison speaks is refused with the status 409 and what it breaks, unless "
            "you give a reason. Going back to a version that was in use needs none."
        ),
        request=ActivationSerializer,
        examples=[OpenApiExample("a reason", {"reason": "The label was wrong."}, request_only=True)],
        answer=VersionSerializer,
        example=examples.VERSION,
        errors=(400, 403, 404, 409, 415),
    )
    def post(self, request: Request, classifier_id: UUID, number: int) -> Response:
        found = _own(request, classifier_id, number)
        reason = valid(ActivationSerializer, request.data).validated_data.get("reason", "")
        try:
            promote(version=found, reason=reason, user=owner_of(request).user)
        except GateRefuses as error:
            raise gate_refusal(error, found) from error
        return _represent(request, found)


class Comparisons(APIView):
    @operation(
        operation_id="list_comparisons",
        parameters=[CLASSIFIER_ID],
        summary=gettext_lazy("List the comparisons of versions"),
        description=gettext_lazy("Each version with the one that was in use when it was trained, the newest first."),
        answer=ComparisonListSerializer,
        example=examples.COMPARISONS,
        errors=(404,),
    )
    def get(self, request: Request, classifier_id: UUID) -> Response:
        found = Comparison.objects.filter(candidate__classifier=own_classifier(request, classifier_id))
        rows = found.select_related("candidate", "baseline").order_by("-pk")
        return Response(listed(ComparisonListSerializer, rows, request))


def _own(request: Request, classifier_id: UUID, number: int) -> ModelVersion:
    versions = ModelVersion.every.select_related("classifier")
    return get_object_or_404(versions, classifier=own_classifier(request, classifier_id), number=number)


def _represent(request: Request, version: ModelVersion) -> Response:
    return Response(VersionSerializer(version, context={"request": request}).data)
