"""Jobs over HTTP: submit one, see how far it is, cancel it."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api.job_representations import JobSerializer
from classifier.api.parsers import MultiPartParser
from classifier.api.schema import JOB_ID, operation
from classifier.api.serializers import JobOptionsSerializer, SubmitJobSerializer
from classifier.api.validation import valid_form
from classifier.models import Job, Retention
from classifier.services.jobs.control import cancel
from classifier.services.jobs.failures import JobError, TooManyJobs, explain_failure
from classifier.services.jobs.progress import jobs_of
from classifier.services.jobs.submission import submit_archive
from classifier.web.requests import owner_of

_WAIT_SECONDS = 60


class UnfinishedJobs(Throttled):
    """The status 429: some of the person's jobs have to end first."""

    def __init__(self, text: str) -> None:
        super().__init__(wait=_WAIT_SECONDS)
        # DRF's own words name no reason.
        self.detail = ErrorDetail(text, self.default_code)


class Jobs(APIView):
    parser_classes = [MultiPartParser]

    def images_in(self, _request: Request) -> int:
        # What its images cost is the worker's to bear, which leaves the processors to others.
        return 1

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
        sent = valid_form(SubmitJobSerializer, request, address=JobOptionsSerializer).validated_data
        try:
            job = submit_archive(
                archive=sent["archive"],
                owner=owner_of(request),
                keep=sent.get("keep", Retention.UNTIL_DELETED),
                version=sent.get("model"),
            )
        except TooManyJobs as error:
            raise UnfinishedJobs(explain_failure(error.code, error.values)) from error
        except JobError as error:
            raise ValidationError({"archive": explain_failure(error.code, error.values)}, error.code) from error
        response = Response(JobSerializer(job, context={"request": request}).data, status=202)
        response["Location"] = response.data["url"]
        return response


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
        return Response(JobSerializer(_own_job(request, job_id), context={"request": request}).data)

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
        cancel(job=_own_job(request, job_id))
        return Response(status=204)


def _own_job(request: Request, job_id: UUID) -> Job:
    return get_object_or_404(jobs_of(owner_of(request)), pk=job_id)
