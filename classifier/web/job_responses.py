"""Downloads of a job's results, for pages and API."""

from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.utils.http import content_disposition_header

from classifier.models import Job
from classifier.services.jobs.tables import error_lines, job_lines, job_zip
from classifier.services.people.ownership import Owner

TABLE_TYPE, ARCHIVE_TYPE = "text/csv; charset=utf-8", "application/zip"


def table_response(job: Job, owner: Owner) -> StreamingHttpResponse:
    return _download(job_lines(job, owner), TABLE_TYPE, f"{_name(job)}.csv")


def errors_response(job: Job) -> StreamingHttpResponse:
    return _download(error_lines(job), TABLE_TYPE, f"{_name(job)}-errors.csv")


def images_response(job: Job, owner: Owner, *, layout: str) -> StreamingHttpResponse:
    return _download(job_zip(job, owner, layout=layout), ARCHIVE_TYPE, f"{_name(job)}.zip")


def file_response(job: Job) -> FileResponse:
    """The file that a job has made. Raises Http404 if there is none, or not any more."""
    if not job.result.name:
        raise Http404
    try:
        opened = default_storage.open(job.result.name, "rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(opened, as_attachment=True, filename=job.name)


def _name(job: Job) -> str:
    return f"job-{job.pk.hex[:8]}"


def _download(parts: Iterator[str] | Iterator[bytes], content_type: str, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response
