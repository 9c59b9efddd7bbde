"""Record a training run: its settings, progress, epochs and end."""

import os
import shutil
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier.models import Epoch, ModelVersion, TrainingRun
from classifier.services.models import training_lock
from classifier.services.models.publishing import publish
from classifier.services.models.training_lease import held, is_leased, machine
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError
from ml.training import loop as training
from ml.training.checkpoints import EpochRecord
from ml.training.run_settings import RunSettings

#: The file in a run's folder with the path of its model, until it is published.
_WRITTEN_FILE = "model.txt"
_LONGEST_MESSAGE = 10_000


class RunInTheWay(Exception):
    """An earlier run of this name is unfinished; the message says what to do."""


def is_possible() -> bool:
    """Whether a training can run: here, or on the workers of a broker, of whose machines nothing is known here."""
    return bool(settings.CELERY_BROKER_URL) or find_spec("tensorflow") is not None


def run_folder(name: str) -> Path:
    """The folder of a run's checkpoints."""
    return Path(settings.RUNS_DIR) / name


def latest_unfinished_name() -> str | None:
    """The name of the latest dead run with checkpoints to resume from."""
    for run in TrainingRun.objects.exclude(status=TrainingRun.Status.FINISHED).order_by("-updated_at"):
        if run_folder(run.name).is_dir() and not training_lock.is_locked(run.name):
            return run.name
    return None


def check_free(*, name: str) -> None:
    """Raise RunInTheWay when an earlier run of the name has checkpoints left."""
    if run_folder(name).is_dir():
        raise RunInTheWay(
            f"A run called {name} has not ended. Resume it with: manage.py train --resume --name {name}; or choose "
            f"another --name; or delete {run_folder(name)}."
        )


def begin_run(*, run_settings: RunSettings) -> TrainingRun:
    """Record a new run. Raises RunInTheWay when an earlier one of the name has checkpoints left, or runs elsewhere."""
    check_free(name=run_settings.name)
    for lost in TrainingRun.objects.filter(name=run_settings.name, ended_at=None):
        _refuse_leased(lost)
        end_run(run=lost, status=TrainingRun.Status.FAILED, message=f"Its machine was lost: {lost.machine}.")
    return _new_run(run_settings)


def resume_run(*, run_settings: RunSettings, history: Iterable[EpochRecord]) -> TrainingRun:
    """Record that a run is resumed, with the epochs that its checkpoints hold; later ones are dropped.

    Raises RunInTheWay while it runs on another machine.
    """
    run = TrainingRun.objects.filter(name=run_settings.name).exclude(status=TrainingRun.Status.FINISHED).first()
    if run is None:
        run = _new_run(run_settings)
    _refuse_leased(run)
    with transaction.atomic():
        run.status, run.message, run.ended_at = TrainingRun.Status.RUNNING, "", None
        run.machine, run.process_id = machine(), os.getpid()
        run.save()
        run.epochs.all().delete()
        for record in history:
            record_epoch(run=run, record=record)
    return run


def record_progress(*, run: TrainingRun, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None:
    """Record the progress of a run; it also serves as a heartbeat."""
    run.progress = {"epoch": epoch, "batch": batch, "batches": batches, "loss": loss, "accuracy": accuracy}
    held(run).update(progress=run.progress, updated_at=timezone.now())


def record_epoch(*, run: TrainingRun, record: EpochRecord) -> None:
    values = asdict(record)
    Epoch.objects.update_or_create(run=run, number=values.pop("epoch"), defaults=values)


def end_run(*, run: TrainingRun, status: TrainingRun.Status, message: str = "") -> None:
    """Record the end of a run, unless another process has resumed it."""
    run.status, run.message, run.ended_at, run.updated_at = status, _storable(message), timezone.now(), timezone.now()
    held(run).update(status=status, message=run.message, ended_at=run.ended_at, updated_at=run.updated_at)


def is_trained(*, run_settings: RunSettings) -> bool:
    """Whether the checkpoints contain every epoch, so that a resumed run trains no more."""
    try:
        return len(training.read_history(run_folder(run_settings.name))) >= run_settings.recipe.epochs
    except (OSError, ValueError):
        return False


def note_written(*, run: TrainingRun, model_folder: Path) -> None:
    """Remember beside the checkpoints that the model is written: only publishing it is left."""
    (run_folder(run.name) / _WRITTEN_FILE).write_text(str(model_folder), encoding="utf-8")


def written_model(*, name: str) -> Path | None:
    """The undamaged, unpublished model folder of the run of this name."""
    try:
        folder = Path((run_folder(name) / _WRITTEN_FILE).read_text(encoding="utf-8"))
        artifacts.verify(folder)
    except (OSError, ArtifactError):
        return None
    return folder


def complete_run(*, run: TrainingRun, model_folder: Path) -> ModelVersion:
    """Publish the model of a finished run, and delete its checkpoints."""
    version = publish(folder=model_folder, training_run=run)
    end_run(run=run, status=TrainingRun.Status.FINISHED)
    shutil.rmtree(run_folder(run.name), ignore_errors=True)
    return version


@dataclass(frozen=True)
class Outlook:
    """Progress from 0 to 1; seconds per epoch, and seconds left; None before the first epoch has ended."""

    share: float
    seconds_an_epoch: float | None
    seconds_left: float | None


def outlook(run: TrainingRun, epochs: Sequence[Mapping[str, Any]]) -> Outlook:
    """Return it for a run and the fields of its ended epochs."""
    within = 0.0
    if run.progress.get("batches") and run.progress["epoch"] > len(epochs):
        within = run.progress["batch"] / run.progress["batches"]
    done = min(len(epochs) + within, run.epoch_count)
    seconds = statistics.median(epoch["seconds"] for epoch in epochs[-5:]) if epochs else None
    return Outlook(
        share=done / run.epoch_count,
        seconds_an_epoch=seconds,
        seconds_left=None if seconds is None else seconds * (run.epoch_count - done),
    )


def _refuse_leased(run: TrainingRun) -> None:
    """On this machine, the lock beside the checkpoints has told already."""
    if is_leased(run) and run.machine != machine():
        raise RunInTheWay(
            f"The run {run.name} is being trained on {run.machine.partition(' (')[0]}. Stop it there, or wait: "
            f"{settings.JOB_LEASE_SECONDS:g} seconds after its last sign of life, it can be resumed here."
        )


def _new_run(run_settings: RunSettings) -> TrainingRun:
    return TrainingRun.objects.create(
        name=run_settings.name,
        architecture=run_settings.architecture,
        recipe=run_settings.recipe.as_dict(),
        seed=run_settings.seed,
        image_limit=run_settings.limit,
        dataset_fingerprint=run_settings.fingerprint,
        epoch_count=run_settings.recipe.epochs,
        machine=machine(),
        process_id=os.getpid(),
    )


def _storable(message: str) -> str:
    """Shorten an error message; PostgreSQL stores no zero bytes."""
    return message.replace("\0", "")[:_LONGEST_MESSAGE]
