"""Downloads of what came of a job, over HTTP and for its owner only."""

from uuid import UUID

from django.http import FileResponse, StreamingHttpResponse
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from classifier.api.job_serializers import LayoutSerializer
from classifier.api.jobs import own_job
from classifier.api.schema import JOB_ID, operation
from classifier.api.validation import valid_query
from classifier.services.jobs.tables import LAYOUTS
from classifier.web.job_responses import errors_response, file_response, images_response, table_response
from classifier.web.requests import owner_of


class TableRenderer(BaseRenderer):
    """Says that tables may be asked for; the view sends them itself, and problems are JSON."""

    media_type = "text/csv"
    format = "csv"


class ArchiveRenderer(BaseRenderer):
    media_type = "application/zip"
    format = "zip"


class FileRenderer(BaseRenderer):
    """Whatever an export was asked for."""

    media_type = "application/*"
    format = "file"


class Results(APIView):
    renderer_classes = [TableRenderer]

    @operation(
        operation_id="read_job_results",
        parameters=[JOB_ID],
        summary=gettext_lazy("Download the results of a job"),
        description=gettext_lazy("A CSV table with every file: its class and confidence, or its error."),
        answer=OpenApiTypes.BINARY,
        errors=(404,),
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        return table_response(own_job(request, job_id), owner_of(request))


class Errors(APIView):
    renderer_classes = [TableRenderer]

    @operation(
        operation_id="read_job_errors",
        parameters=[JOB_ID],
        summary=gettext_lazy("Download the errors of a job"),
        description=gettext_lazy("A CSV table with every failed file, the code of its error and what to do."),
        answer=OpenApiTypes.BINARY,
        errors=(404,),
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        return errors_response(own_job(request, job_id))


class Images(APIView):
    renderer_classes = [ArchiveRenderer]

    @operation(
        operation_id="read_job_images",
        parameters=[JOB_ID, LayoutSerializer],
        summary=gettext_lazy("Download the images of a job"),
        description=gettext_lazy("A ZIP archive of the images and the table of results."),
        answer=OpenApiTypes.BINARY,
        errors=(400, 404),
    )
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        found = own_job(request, job_id)
        layout = valid_query(LayoutSerializer, request).validated_data.get("layout", LAYOUTS[0])
        return images_response(found, owner_of(request), layout=layout)


class ExportedFile(APIView):
    renderer_classes = [FileRenderer]

    @operation(
        operation_id="read_job_file",
        parameters=[JOB_ID],
        summary=gettext_lazy("Download the file that an export has made"),
        description=gettext_lazy("It is kept for a day after the job has ended."),
        answer=OpenApiTypes.BINARY,
        errors=(404,),
    )
    def get(self, request: Request, job_id: UUID) -> FileResponse:
        return file_response(own_job(request, job_id))
