"""The training runs: their progress while `manage.py train` works in another process, and their results."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.models import TrainingRun
from classifier.presentation.charts import training_curves
from classifier.services.models.training import is_interrupted, outlook

RUNS_SHOWN = 100


@never_cache
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """The runs, the newest first."""
    found = [(run, is_interrupted(run)) for run in TrainingRun.objects.order_by("-started_at")[:RUNS_SHOWN]]
    return render(request, "classifier/training.html", {"runs": found})


@never_cache
@require_safe
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run; its page polls `progress` while the run lasts."""
    return render(request, "classifier/training_run.html", _context(run_id))


@never_cache
@require_safe
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "classifier/_training_progress.html", _context(run_id))


def _context(run_id: int) -> dict:
    run = get_object_or_404(TrainingRun, pk=run_id)
    epochs = cast(list[dict[str, Any]], list(run.epochs.order_by("number").values()))
    interrupted = is_interrupted(run)
    return {
        "run": run,
        "epochs": epochs,
        "best": max(epochs, key=lambda epoch: (epoch["validation_accuracy"], -epoch["validation_loss"]), default=None),
        "curves": training_curves(epochs),
        "interrupted": interrupted,
        "live": run.status == TrainingRun.Status.RUNNING and not interrupted,
        "outlook": outlook(run, epochs),
        "versions": run.model_versions.all(),
    }
