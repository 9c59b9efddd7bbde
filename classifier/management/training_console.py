"""The console of `manage.py train`: progress bars, and the rows that pages read."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import DatabaseError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from classifier.models import TrainingRun
from classifier.services.models import training as training_service
from classifier.services.models.measurements import test_in_words, with_interval
from ml.artifacts.folder import Card
from ml.data.folder_report import FolderReport
from ml.training.loop import EpochRecord

_SECONDS_BETWEEN_RECORDS = 2.0


class TrainingConsole:
    """A listener of `ml.training.loop.train`: a progress bar, rows for the pages, and Ctrl-C to stop."""

    def __init__(self, run: TrainingRun, console: Console) -> None:
        self.run = run
        self.console = console
        self.interrupted = False
        self._recorded = 0.0
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f} accuracy {task.fields[accuracy]:.1%}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("train", total=None, epoch="-", loss=0.0, accuracy=0.0)
        self._steps = Progress(
            SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn(), console=console
        )

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show the bar; Ctrl-C stops the run after the epoch, a second one at once."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self._progress:
                yield
        finally:
            self._end_steps()
            signal.signal(signal.SIGINT, before)

    def batch_ended(self, epoch: int, batch: int, batches: int, loss: float, accuracy: float) -> None:
        epochs = self.run.epoch_count
        self._progress.update(
            self._task,
            total=epochs * batches,
            completed=(epoch - 1) * batches + batch,
            epoch=f"{epoch}/{epochs}",
            loss=loss,
            accuracy=accuracy,
        )
        if time.monotonic() - self._recorded >= _SECONDS_BETWEEN_RECORDS:
            self._recorded = time.monotonic()
            # A database that is briefly busy must not end hours of work.
            with suppress(DatabaseError):
                training_service.record_progress(
                    run=self.run, epoch=epoch, batch=batch, batches=batches, loss=loss, accuracy=accuracy
                )

    def epoch_ended(self, record: EpochRecord) -> None:
        self.console.print(
            f"epoch {record.epoch}/{self.run.epoch_count}  loss {record.loss:.4f}  accuracy {record.accuracy:.2%}  "
            f"validation loss {record.validation_loss:.4f}  accuracy {record.validation_accuracy:.2%}  "
            f"{record.seconds:.0f} s"
        )
        with suppress(DatabaseError):
            training_service.record_epoch(run=self.run, record=record)

    def step(self, name: str) -> None:
        """Show the steps after the last epoch with their time, below the full bar of the epochs."""
        if not self.console.is_terminal:
            self.console.print(f"{name} ...")
            return
        self._progress.stop()
        self._finish_steps()
        self._steps.add_task(name, total=1)
        self._steps.start()

    def _finish_steps(self) -> None:
        for task in self._steps.task_ids:
            self._steps.update(task, completed=1)

    def _end_steps(self) -> None:
        if self._steps.task_ids:
            self._finish_steps()
            self._steps.stop()

    def should_stop(self) -> bool:
        return self.interrupted

    def _interrupt(self, signal_number: int, frame: object) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.console.print("Stopping after this epoch. Press Ctrl-C again to stop now and lose it.")


@contextmanager
def reading(console: Console) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar while the data set is read; yield a callback for the numbers of items done and in total."""
    columns = ("data set", BarColumn(), TaskProgressColumn(show_speed=True), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("read", total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def print_report(console: Console, report: FolderReport, path: Path) -> None:
    """Print the contents of a folder of images; a list that is too long goes into a file at `path`."""
    see = ""
    if report.skipped or report.details:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report.as_text(), encoding="utf-8", errors="backslashreplace")
        see = f", see {path}"
    console.print(report.summary() + see, markup=False, highlight=False)
    for warning in report.warnings:
        console.print(f"Warning: {warning}", markup=False, highlight=False)


def print_summary(console: Console, card: Card) -> None:
    """Print the results as a table."""
    test, validation = card.metrics["test"], card.metrics["validation"]
    table = Table(title=f"{card.name} ({card.architecture}, {card.parameter_count:,} parameters)", show_header=False)
    available = card.dataset.get("test_images_available")
    images = f"{test['count']:,} of {available:,}" if available else f"{test['count']:,}"
    for label, value in (
        ("Test images", images),
        ("Test accuracy", test_in_words(card)),
        ("Test loss", f"{test['loss']:.4f} nats"),
        (
            "Validation accuracy",
            f"{with_interval(validation['accuracy'], validation['count'])}, {validation['count']:,} images, which "
            "chose the epoch",
        ),
        ("Test accuracy with float32 weights", f"{card.export['accuracy_float32']['test']:.2%}"),
        ("Best epoch", f"{card.training['best_epoch']} of {card.training['epochs']}"),
        ("Time", f"{card.training['seconds']:.0f} s, {card.training['images_per_second']:.0f} images per second"),
        ("LiteRT against Keras", f"{card.export['largest_difference']:.1e} at most"),
    ):
        table.add_row(label, value)
    console.print(table)
