"""The training runs: their progress while `manage.py train` works in another process, and their results."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.forms.training import TrainingForm
from classifier.models import TrainingRun
from classifier.presentation.charts import training_curves
from classifier.presentation.training_settings import training_settings
from classifier.services.jobs.failures import JobError
from classifier.services.jobs.submission import submit_network
from classifier.services.models.downloads import epochs_csv
from classifier.services.models.training import is_possible, outlook
from classifier.services.models.training_lease import is_interrupted
from classifier.web.requests import owner_of
from classifier.web.tables import csv_response

RUNS_SHOWN = 100


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def runs(request: HttpRequest) -> HttpResponse:
    """The runs, the newest first; and for staff the form that starts one as a job."""
    if request.method != "POST":
        return _runs(request, TrainingForm())
    if not _may_train(request):
        raise PermissionDenied
    form = TrainingForm(request.POST)
    if not is_possible():
        return _runs(request, form, status=503)
    if form.is_valid():
        try:
            job = submit_network(owner=owner_of(request), options=form.options)
        except JobError as error:
            form.refuse(error)
        else:
            return redirect("job", job.pk)
    return _runs(request, form, status=400)


@never_cache
@require_safe
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run; its page polls `progress` while the run lasts."""
    return render(request, "classifier/training_run.html", _context(run_id))


@never_cache
@require_safe
def epochs(request: HttpRequest, run_id: int) -> HttpResponse:
    """The epochs of a run as CSV."""
    run = get_object_or_404(TrainingRun, pk=run_id)
    rows = ({**row, "epoch": row["number"]} for row in run.epochs.order_by("number").values())
    return csv_response(epochs_csv(rows), f"{run.name}-epochs.csv")


@never_cache
@require_safe
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "classifier/_training_progress.html", _context(run_id))


def _may_train(request: HttpRequest) -> bool:
    return request.user.is_staff and request.user.has_perm("classifier.add_trainingrun")


def _runs(request: HttpRequest, form: TrainingForm, status: int = 200) -> HttpResponse:
    found = [(run, is_interrupted(run)) for run in TrainingRun.objects.order_by("-started_at")[:RUNS_SHOWN]]
    context = {"runs": found, "may_train": _may_train(request), "is_possible": is_possible(), "form": form}
    return render(request, "classifier/training.html", context, status=status)


def _context(run_id: int) -> dict:
    run = get_object_or_404(TrainingRun, pk=run_id)
    epochs = cast(list[dict[str, Any]], list(run.epochs.order_by("number").values()))
    interrupted = is_interrupted(run)
    return {
        "run": run,
        "epochs": epochs,
        "best": max(epochs, key=lambda epoch: (epoch["validation_accuracy"], -epoch["validation_loss"]), default=None),
        "curves": training_curves(epochs),
        "settings": training_settings(run.recipe),
        "interrupted": interrupted,
        "live": run.status == TrainingRun.Status.RUNNING and not interrupted,
        "outlook": outlook(run, epochs),
        "versions": run.model_versions.all(),
    }
