"""Download the predictions that a search finds, as CSV or as a ZIP with the images; at once or by a job."""

from collections.abc import Iterator

from django.contrib import messages
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.forms.history import SearchForm
from classifier.forms.jobs import ExportForm
from classifier.models import Prediction
from classifier.services.history.export import csv_lines, zip_blocks
from classifier.services.history.pagination import NEWEST_FIRST, Order, walk
from classifier.services.jobs.export_job import is_large
from classifier.services.jobs.failures import JobError, explain_failure
from classifier.services.jobs.submission import submit_export
from classifier.web.requests import owner_of


@never_cache
@require_safe
def as_csv(request: HttpRequest) -> StreamingHttpResponse:
    """One line a prediction."""
    search = SearchForm(request.GET, owner=owner_of(request)).search()
    lines = csv_lines(walk(search.of(owner_of(request)), order=search.row_order))
    return _download(lines, "text/csv; charset=utf-8", "csv")


@never_cache
@require_safe
def as_zip(request: HttpRequest) -> StreamingHttpResponse:
    """The images in folders by class, and the table."""
    search = SearchForm(request.GET, owner=owner_of(request)).search()
    return zip_response(search.of(owner_of(request)), search.row_order)


@never_cache
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """Lead to the file of a small result, and to a job that makes it of a large one."""
    form = ExportForm(request.POST, owner=owner_of(request))
    if not form.is_valid():
        return redirect("history")
    owner, search, ending = owner_of(request), form.cleaned_data["search"], form.cleaned_data["format"]
    if not is_large(search, owner, ending):
        return redirect(f"{reverse(f'export_{ending}')}?{form.cleaned_data['query']}")
    try:
        job = submit_export(owner=owner, search=search, ending=ending)
    except JobError as error:
        messages.warning(request, explain_failure(error.code, error.values))
        return redirect("history")
    return redirect("job", job.pk)


def zip_response(predictions: QuerySet[Prediction], order: Order = NEWEST_FIRST) -> StreamingHttpResponse:
    # What is uploaded during the download would be in one pass over the rows and not in the other. The rows say which
    # is the newest, not the clock, which may have been set back since.
    newest = predictions.order_by().aggregate(newest=Max("created_at"))["newest"]
    made = predictions.none() if newest is None else predictions.filter(created_at__lte=newest)
    return _download(zip_blocks(made, order), "application/zip", "zip")


def _download(parts: Iterator[str] | Iterator[bytes], content_type: str, ending: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=content_type)
    moment = timezone.localtime().strftime("%Y-%m-%d-%H%M")
    response["Content-Disposition"] = f'attachment; filename="predictions-{moment}.{ending}"'
    return response
