"""The job that trains a model: `manage.py train` in a process group of its own, which outlives a lost worker."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import IO

from django.conf import settings

from classifier.models import Job, JobItem, TrainingRun
from classifier.services.jobs.failures import TrainingFailed
from classifier.services.jobs.results import Planned, Result
from classifier.services.models import training_lease, training_lock
from classifier.services.models.training import end_run, run_folder

#: How often the process is looked at, and how long a worker that is to stop waits for the end of an epoch.
_LOOK_SECONDS, _STOP_SECONDS = 0.5, 5.0
_LONGEST_REASON = 500
_OPTIONS = ("architecture", "recipe", "epochs", "batch_size", "learning_rate", "seed", "limit", "data_dir")
PARAMETERS = frozenset({*_OPTIONS, "name"})


def training_run_of(job: Job) -> TrainingRun | None:
    """The run with the job's progress and curves; None before it has begun."""
    if job.kind != Job.Kind.NETWORK:
        return None
    return TrainingRun.objects.filter(name=job.parameters["name"], started_at__gte=job.created_at).first()


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    if last is None:
        yield Planned(job.parameters["name"])


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    (item,) = items
    if not _wait_for_an_earlier_one(job, is_over):
        return
    # It may have finished after its worker was lost.
    if not _has_finished(job):
        with tempfile.TemporaryFile() as errors:
            status = _train(job, errors, is_over)
            if not _has_finished(job):
                if status and not is_over():
                    raise TrainingFailed(reason=_reason(errors) or f"exit status {status}")
                return
    yield [Result(item, store=lambda _owner: None)]


def command(job: Job) -> list[str]:
    """The command that begins or, where there are checkpoints, resumes the job's run."""
    name = job.parameters["name"]
    if run_folder(name).is_dir():
        arguments = ["--resume", f"--name={name}"]
    else:
        given = [(option, job.parameters.get(option)) for option in _OPTIONS]
        arguments = [f"--name={name}"]
        arguments += [f"--{option.replace('_', '-')}={value}" for option, value in given if value not in (None, "")]
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "train", *arguments]


def _train(job: Job, errors: IO[bytes], is_over: Callable[[], bool]) -> int:
    """Run the command to its end, or until it is over; return its status."""
    process = subprocess.Popen(  # noqa: S603
        command(job), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
    )
    while process.poll() is None and not is_over():
        time.sleep(_LOOK_SECONDS)
    if process.poll() is None:
        _stop(job, process.pid, lambda: process.poll() is None)
    return process.poll() or 0


def _wait_for_an_earlier_one(job: Job, is_over: Callable[[], bool]) -> bool:
    """Wait for the process that a lost worker has left, here or elsewhere; return whether it has ended or is lost."""
    name = job.parameters["name"]
    while (is_here := training_lock.is_locked(name)) or _is_leased_elsewhere(job):
        if is_over():
            run = training_run_of(job)
            if is_here and run is not None and not run.ended_at:
                _stop(job, run.process_id, lambda: training_lock.is_locked(name))
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _is_leased_elsewhere(job: Job) -> bool:
    run = training_run_of(job)
    return run is not None and run.machine != training_lease.machine() and training_lease.is_leased(run)


def _stop(job: Job, group: int, is_running: Callable[[], bool]) -> None:
    """Have it end after its epoch. One whose job was cancelled is killed after TRAINING_GRACE_SECONDS."""
    _signal(group, signal.SIGINT)
    is_cancelled = not Job.objects.filter(pk=job.pk, state__in=Job.UNFINISHED).exists()
    _wait(is_running, settings.TRAINING_GRACE_SECONDS if is_cancelled else _STOP_SECONDS)
    if is_cancelled and is_running():
        _signal(group, signal.SIGKILL)
        _wait(is_running, _STOP_SECONDS)
        run = training_run_of(job)
        if run is not None and not run.ended_at:
            end_run(run=run, status=TrainingRun.Status.STOPPED, message="It was killed: its epoch had not ended.")


def _wait(is_running: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while is_running() and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _has_finished(job: Job) -> bool:
    run = training_run_of(job)
    return run is not None and run.status == TrainingRun.Status.FINISHED


def _reason(errors: IO[bytes]) -> str:
    """The last line that the command has written, which says why it failed."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(size - 10_000, 0))
    lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("CommandError: ")[:_LONGEST_REASON] if lines else ""
