"""manage.py classify: classify image files, or folders of any size."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.management.classifiers import find_classifier
from classifier.management.progress_line import ProgressLine
from classifier.management.result_table import ResultTable, TableError
from classifier.models import Classifier, Prediction
from classifier.services.classifiers.answering import answering_version
from classifier.services.classifiers.failures import ClassifierError, explain_classifier_error
from classifier.services.models import heads
from classifier.services.models.publishing import find_version, verified_folder
from classifier.services.models.serving import NoModel, ServedModel, active_model
from classifier.services.operations.storage import StorageUnavailable
from classifier.services.predictions.bulk import FileOutcome, classify_files
from ml.artifacts.folder import ArtifactError
from ml.serving.bulk import find_images
from ml.serving.inference import LoadedModel

#: The exit status that shells expect after Ctrl-C.
_INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Classify image files as the site does, within the site's size limits. Needs no TensorFlow. A stopped run with "
        "--csv or --save resumes when it is started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="An image file, or a folder of images.")
        parser.add_argument("--recursive", action="store_true", help="Include images in subfolders.")
        parser.add_argument(
            "--model", help="A published model, such as student_cnn or student_cnn@2 (default: the active model)."
        )
        parser.add_argument(
            "--classifier", metavar="NAME_OR_ID", help="A classifier of own classes, instead of --model."
        )
        parser.add_argument(
            "--json", action="store_true", help="Print one JSON object per line, with all probabilities."
        )
        parser.add_argument(
            "--csv",
            type=Path,
            metavar="FILE",
            help="Append one row per file to FILE instead of printing it. Files that already have a row are skipped.",
        )
        parser.add_argument(
            "--save", action="store_true", help="Save the files and the predictions to an account's history."
        )
        parser.add_argument(
            "--owner", metavar="USERNAME", help="The account for --save. Optional if there is only one account."
        )

    def handle(self, *, paths: list[Path], model: str | None, save: bool, owner: str | None, **options) -> None:
        if owner and not save:
            raise CommandError("--owner requires --save. Use both or neither.")
        if model and options["classifier"]:
            raise CommandError("Use either --model or --classifier.")
        own = find_classifier(options["classifier"], owner=owner) if options["classifier"] else None
        if own is not None and save and own.owner is None:
            raise CommandError(f"{own} belongs to a visitor without an account: its results cannot be saved.")
        user = None if not save else own.owner if own is not None else _find_account(owner)
        run = _Run(self, _find_model(model) if own is None else _served(own), user, options)
        try:
            run.classify(paths)
        except KeyboardInterrupt:
            message = f"Stopped after {run.done:,} files."
            raise CommandError(f"{message}{run.how_to_resume}", returncode=_INTERRUPTED) from None
        except TableError as error:
            raise CommandError(str(error)) from error
        except (OSError, DatabaseError, StorageUnavailable) as error:
            raise CommandError(f"Stopped after {run.done:,} files: {error}.{run.how_to_resume}") from error
        if not run.done:
            hint = "" if options["recursive"] else " Use --recursive to include subfolders."
            raise CommandError(f"There are no images in {', '.join(map(str, paths))}.{hint}")
        if run.failed:
            raise CommandError(f"{run.failed:,} of {run.done:,} files could not be classified.")


class _Run:
    """One run of the command: its progress and its output."""

    def __init__(self, command: Command, served: ServedModel, owner: User | None, options: dict) -> None:
        self.stdout, self.stderr = command.stdout, command.stderr
        self.served, self.owner = served, owner
        self.as_json, self.recursive, self.csv = options["json"], options["recursive"], options["csv"]
        self.failed = self.answered = self.before = 0
        self.table: ResultTable | None = None
        self.progress: ProgressLine | None = None

    @property
    def done(self) -> int:
        return self.failed + self.answered + self.before

    @property
    def how_to_resume(self) -> str:
        return " Run the same command again to resume." if self.csv or self.owner else ""

    def classify(self, paths: list[Path]) -> None:
        started = time.monotonic()
        with ExitStack() as stack:
            if self.csv:
                owner = self.owner.get_username() if self.owner else ""
                self.table = stack.enter_context(ResultTable(self.csv, self.served.version, owner))
            if self.stderr.isatty():
                total = sum(1 for _ in find_images(paths, recursive=self.recursive))
                self.progress = ProgressLine(self.stderr, total)
                stack.callback(self.progress.clear)
            outcomes = classify_files(paths=self._to_do(paths), served=self.served, owner=self.owner)
            for batch in stack.enter_context(closing(outcomes)):
                self._report(batch)
        if self.done:
            self._summarise(time.monotonic() - started)

    def _to_do(self, paths: list[Path]) -> Iterator[Path]:
        for path in find_images(paths, recursive=self.recursive, on_error=self._report_folder):
            if self.table is None or not self.table.holds(path):
                yield path
            elif self.table.failed(path):
                self.failed += 1
            else:
                self.before += 1

    def _report_folder(self, error: OSError) -> None:
        self.failed += 1
        self._complain(Path(error.filename), error.strerror or str(error))

    def _report(self, outcomes: list[FileOutcome]) -> None:
        if self.table:
            self.table.add(outcomes)
        for outcome in outcomes:
            if outcome.prediction is None:
                self.failed += 1
                self._complain(outcome.path, outcome.error)
                continue
            self.before += outcome.stored_before
            self.answered += not outcome.stored_before
            if self.as_json or not self.table:
                self._print(outcome.path, outcome.prediction)
        if self.progress:
            self.progress.show(self.done, self.answered)

    def _complain(self, path: Path, reason: str) -> None:
        if self.progress:
            self.progress.clear()
        self.stderr.write(f"{path}: {reason}")

    def _print(self, path: Path, prediction: Prediction) -> None:
        if self.progress:
            self.progress.clear()
        line = _as_json(path, prediction) if self.as_json else _in_words(path, prediction)
        # The bytes of a name that is not valid text are escaped, as JSON requires.
        self.stdout.write(line.encode("utf-8", "backslashreplace").decode())

    def _summarise(self, seconds: float) -> None:
        parts = [f"{self.answered:,} files classified in {seconds:,.1f} s"]
        if self.answered:
            parts.append(f"{self.answered / seconds:,.1f} per second")
        if self.before:
            parts.append(f"{self.before:,} were already done")
        self.stderr.write(f"{', '.join(parts)}.", style_func=str)


def _find_account(name: str | None) -> User:
    accounts = get_user_model().objects
    if name is None:
        found = list(accounts.all()[:2])
        if len(found) != 1:
            raise CommandError("Name the account to save to: --save --owner USERNAME")
        return found[0]
    try:
        return accounts.get_by_natural_key(name)
    except get_user_model().DoesNotExist:
        raise CommandError(f"There is no account {name!r}.") from None


def _find_model(name: str | None) -> ServedModel:
    try:
        if name is None:
            return active_model()
        version = find_version(name)
        if version is None:
            raise CommandError(f"There is no published model {name!r}. See: manage.py models list")
        return ServedModel(version, LoadedModel(verified_folder(version)))
    except (NoModel, ArtifactError) as error:
        raise CommandError(str(error)) from error


def _served(classifier: Classifier) -> ServedModel:
    try:
        return heads.served(answering_version(classifier))
    except ClassifierError as error:
        raise CommandError(explain_classifier_error(error)) from error
    except NoModel as error:
        raise CommandError(str(error)) from error


def _as_json(path: Path, prediction: Prediction) -> str:
    version = prediction.model_version
    answer: dict[str, object] = {"file": str(path), "model": str(version), "class": prediction.predicted_class}
    answer |= {"confidence": prediction.confidence, "abstained": prediction.abstained}
    answer["probabilities"] = dict(zip(version.class_names, prediction.probabilities))
    if prediction.upload_id:
        answer["upload"] = str(prediction.upload_id)
    return json.dumps(answer, ensure_ascii=False)


def _in_words(path: Path, prediction: Prediction) -> str:
    doubt = "  (no answer; closest match)" if prediction.abstained else ""
    return f"{path}: {prediction.predicted_class} {prediction.confidence:.1%}{doubt}"
