"""manage.py models: list, show, publish, activate, roll back, verify and delete published models."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from classifier.management.activation import activate, add_activation, add_yes
from classifier.models import ModelVersion
from classifier.presentation.model_description import description
from classifier.services.models import publishing
from classifier.services.models.measurements import test_in_words
from classifier.services.models.publishing import ModelInUse, NothingBefore
from classifier.services.models.verification import Rescore, verify_version
from ml.artifacts.folder import ArtifactError
from ml.data.dataset import DatasetError


class Command(BaseCommand):
    help = "List, show, publish, activate, roll back, verify and delete models. MODEL is a name, or name@2."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="Show every version, its accuracy and which one is active.")
        show = actions.add_parser("show", help="Describe a model and how it was trained.")
        show.add_argument("model")
        publish = actions.add_parser("publish", help="Check a model's folder and register it as a version.")
        publish.add_argument("folder", type=Path, help="The folder, or its name in MODELS_DIR.")
        add_activation(publish, "Activate it at once.")
        activation = actions.add_parser(
            "activate", help="Activate a model; running processes pick it up by themselves."
        )
        activation.add_argument("model")
        add_yes(activation)
        actions.add_parser("rollback", help="Activate the previously active model again.")
        verify = actions.add_parser("verify", help="Check the files and predictions of a model, or of all versions.")
        verify.add_argument("model", nargs="?")
        verify.add_argument("--data-dir", type=Path, help="Also score a sample of this data set's test images.")
        delete = actions.add_parser("delete", help="Delete a version and its folder if nothing depends on it.")
        delete.add_argument("model", help="A name with its version: name@2.")
        delete.add_argument("--yes", action="store_true", help="Do not ask for confirmation.")

    def handle(self, *, action: str, **options) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except (ArtifactError, DatasetError, ModelInUse, NothingBefore) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict) -> None:
        versions = ModelVersion.objects.annotate(prediction_count=Count("predictions")).order_by("name", "number")
        self.stdout.write(f"{'':2}{'model':<32}{'parameters':>13}{'predictions':>13}  {'published':<16}  tested")
        for version in versions:
            tested = test_in_words(version.whole_card) or "never"
            self.stdout.write(
                f"{'*' if version.active else '':2}{version!s:<32}{version.card['parameter_count']:>13,}"
                f"{version.prediction_count:>13,}  {version.created_at:%Y-%m-%d %H:%M}  {tested}"
            )

    def _show(self, options: dict) -> None:
        version = _find(options["model"])
        state = "It is active." if version.active else "It is not active."
        self.stdout.write(f"{version} in {version.path}. {state}\nSHA-256 {version.digest}")
        for sentence in description(version.whole_card):
            self.stdout.write(sentence)
        if tested := test_in_words(version.whole_card):
            self.stdout.write(f"{tested}.")

    def _publish(self, options: dict) -> None:
        folder = options["folder"] if options["folder"].is_dir() else settings.MODELS_DIR / options["folder"]
        version = publishing.publish(folder=folder)
        self.stdout.write(f"Published as {version}.")
        if options["activate"]:
            activate(self, version, sure=options["yes"])

    def _activate(self, options: dict) -> None:
        activate(self, _find(options["model"]), sure=options["yes"])

    def _rollback(self, options: dict) -> None:
        self.stdout.write(f"{publishing.roll_back()} is active again.")

    def _verify(self, options: dict) -> None:
        versions = [_find(options["model"])] if options["model"] else ModelVersion.objects.order_by("name", "number")
        failed = 0
        for version in versions:
            try:
                rescored = verify_version(version=version, data_dir=options["data_dir"], warn=self.stderr.write)
            except ArtifactError as error:
                failed += 1
                self.stderr.write(f"{version}: {error}")
                continue
            self.stdout.write(f"{version}: unchanged{_in_words(rescored)}")
        if failed:
            raise CommandError(f"{failed} of {len(versions)} models differ from what was published.")

    def _delete(self, options: dict) -> None:
        version = _find(options["model"], exact=True)
        if not options["yes"] and input(f"Delete {version} and {version.path}? [y/N] ").strip().lower() != "y":
            self.stdout.write("Nothing was deleted.")
            return
        publishing.delete_version(version=version)
        self.stdout.write(f"{version} was deleted.")


def _in_words(rescored: Rescore | None) -> str:
    if rescored is None:
        return ""
    return f", {rescored.accuracy:.1%} of {rescored.count} test images correct ({rescored.stated:.1%} in the card)"


def _find(name: str, *, exact: bool = False) -> ModelVersion:
    if exact and "@" not in name:
        raise CommandError(f"Name the version of {name}, for example {name}@1. See: manage.py models list")
    version = publishing.find_version(name)
    if version is None:
        raise CommandError(f"There is no model {name!r}. See: manage.py models list")
    return version
