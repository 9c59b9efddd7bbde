"""Jobs over HTTP: submit, list, read, cancel, resume and retry them."""

from collections.abc import Callable
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api.job_refusals import refusal_of
from classifier.api.job_representations import JobInListSerializer, JobPageSerializer, JobSerializer
from classifier.api.job_serializers import (
    ExportSerializer,
    JobOptionsSerializer,
    JobsQuery,
    RescoreSerializer,
    SubmitJobSerializer,
)
from classifier.api.page_links import links, requested_page
from classifier.api.parsers import MultiPartParser
from classifier.api.schema import JOB_ID, operation
from classifier.api.validation import valid, valid_form, valid_query
from classifier.models import Job, Retention
from classifier.services.jobs.control import cancel, resume, retry_failed
from classifier.services.jobs.failures import (
    JobError,
    explain_failure,
)
from classifier.services.jobs.progress import jobs_of, progress_of_each
from classifier.services.jobs.room import check_bytes
from classifier.services.jobs.submission import submit_archive, submit_export, submit_rescoring
from classifier.web.bodies import FIELDS_BYTES
from classifier.web.requests import owner_of


class Jobs(APIView):
    parser_classes: list[type[BaseParser]] = [MultiPartParser]

    def images_in(self, _request: Request) -> int:
        # What its images cost is the worker's to bear, which leaves the processors to others.
        return 1

    @operation(
        operation_id="list_jobs",
        summary=gettext_lazy("List your jobs"),
        description=gettext_lazy("The newest first, one page at a time. Follow “next” until it is null."),
        parameters=[JobsQuery],
        answer=JobPageSerializer,
        example=schema_examples.JOB_PAGE,
        errors=(400, 404),
    )
    def get(self, request: Request) -> Response:
        query = valid_query(JobsQuery, request)
        wanted = {name: query.validated_data[name] for name in ("kind", "state") if name in query.validated_data}
        page = requested_page(jobs_of(owner_of(request)).filter(**wanted), query.page)
        context = {"request": request, "progress": progress_of_each(page.items)}
        results = JobInListSerializer(page.items, many=True, context=context).data
        return Response(links(page, request) | {"results": results})

    @operation(
        operation_id="create_job",
        summary=gettext_lazy("Classify a ZIP archive"),
        description=gettext_lazy(
            "Send the archive as the file “archive” of a multipart form. It is classified in the background; ask the "
            "address in Location how far it is. Each file that is no image fails for itself."
        ),
        parameters=[JobOptionsSerializer],
        request={"multipart/form-data": SubmitJobSerializer},
        answer=JobSerializer,
        example=schema_examples.JOB,
        status=202,
        errors=(400, 403, 415),
    )
    def post(self, request: Request) -> Response:
        return _accept(request, "archive", lambda: self._submit(request))

    def _submit(self, request: Request) -> Job:
        # Before the archive is read.
        check_bytes(owner_of(request), max(int(request.META.get("CONTENT_LENGTH") or 0) - FIELDS_BYTES, 0))
        sent = valid_form(SubmitJobSerializer, request, address=JobOptionsSerializer).validated_data
        return submit_archive(
            archive=sent["archive"],
            owner=owner_of(request),
            keep=sent.get("keep", Retention.UNTIL_DELETED),
            version=sent.get("model") or sent.get("classifier"),
        )


class Rescoring(APIView):
    @operation(
        operation_id="rescore",
        summary=gettext_lazy("Classify your images again"),
        description=gettext_lazy(
            "The model, or your own classifier, classifies all images of your history. The earlier predictions stay."
        ),
        request=RescoreSerializer,
        examples=[OpenApiExample("a model", {"model": "student_cnn"}, request_only=True)],
        answer=JobSerializer,
        example=schema_examples.JOB,
        status=202,
        errors=(400, 403, 409, 415),
    )
    def post(self, request: Request) -> Response:
        owner = owner_of(request)
        sent = valid(RescoreSerializer, request.data, owner=owner).validated_data
        version = sent.get("model") or sent["classifier"]
        return _accept(request, "model", lambda: submit_rescoring(owner=owner, version=version))


class Exports(APIView):
    @operation(
        operation_id="export",
        summary=gettext_lazy("Export your predictions"),
        description=gettext_lazy("The job writes a file, which you can download from “file” for a day."),
        request=ExportSerializer,
        examples=[OpenApiExample("a table", {"format": "csv", "state": "corrected"}, request_only=True)],
        answer=JobSerializer,
        example=schema_examples.JOB,
        status=202,
        errors=(400, 403, 409, 415),
    )
    def post(self, request: Request) -> Response:
        sent = valid(ExportSerializer, request.data)
        ending = sent.validated_data["format"]
        return _accept(
            request, "format", lambda: submit_export(owner=owner_of(request), search=sent.search, ending=ending)
        )


class OneJob(APIView):
    @operation(
        operation_id="read_job",
        parameters=[JOB_ID],
        summary=gettext_lazy("Read how far a job is"),
        description=gettext_lazy("One of your own; anybody else's is not found."),
        answer=JobSerializer,
        example=schema_examples.JOB,
        errors=(404,),
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        return _represent(request, own_job(request, job_id))

    @operation(
        operation_id="cancel_job",
        parameters=[JOB_ID],
        summary=gettext_lazy("Cancel a job"),
        description=gettext_lazy("What it has done so far is kept. A job that has ended stays as it is."),
        answer=None,
        status=204,
        errors=(403, 404),
    )
    def delete(self, request: Request, job_id: UUID) -> Response:
        cancel(job=own_job(request, job_id))
        return Response(status=204)


class Resume(APIView):
    @operation(
        operation_id="resume_job",
        parameters=[JOB_ID],
        summary=gettext_lazy("Resume a job"),
        description=gettext_lazy("Resumes a cancelled or failed job. Any other stays as it is."),
        request=None,
        answer=JobSerializer,
        example=schema_examples.JOB,
        errors=(400, 403, 404),
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        return _restart(request, own_job(request, job_id), lambda found: resume(job=found))


class Retry(APIView):
    @operation(
        operation_id="retry_job",
        parameters=[JOB_ID],
        summary=gettext_lazy("Retry the failed files of a job"),
        description=gettext_lazy("The job has to have ended. Without failed files it stays as it is."),
        request=None,
        answer=JobSerializer,
        example=schema_examples.JOB,
        errors=(400, 403, 404),
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        return _restart(request, own_job(request, job_id), lambda found: retry_failed(job=found))


def own_job(request: Request, job_id: UUID) -> Job:
    """The person's job with this id. Raises Http404."""
    return get_object_or_404(jobs_of(owner_of(request)), pk=job_id)


def _accept(request: Request, field: str, submit: Callable[[], Job]) -> Response:
    """Submit a job; what is wrong with it is an error of the field."""
    try:
        job = submit()
    except JobError as error:
        raise refusal_of(error, field) from error
    response = _represent(request, job)
    response.status_code, response["Location"] = 202, response.data["url"]
    return response


def _restart(request: Request, job: Job, restart: Callable[[Job], object]) -> Response:
    try:
        restart(job)
    except JobError as error:
        raise ValidationError(explain_failure(error.code, error.values), error.code) from error
    job.refresh_from_db()
    return _represent(request, job)


def _represent(request: Request, job: Job) -> Response:
    return Response(JobSerializer(job, context={"request": request}).data)
