"""manage.py classifier: create, fill, train, compare, activate, export and delete classifiers of own classes."""

from collections.abc import Iterator
from pathlib import Path

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management.classifiers import find_account, find_classifier
from classifier.models import Classifier, ModelVersion
from classifier.presentation.classifier_versions import VersionFigures, refusals, verdict
from classifier.services.classifiers import collection
from classifier.services.classifiers.export import zip_of
from classifier.services.classifiers.failures import ClassifierError, explain_classifier_error
from classifier.services.classifiers.overview import with_counts
from classifier.services.classifiers.promotion import promote
from classifier.services.classifiers.training import comparison_of, store_trained, train, versions_of
from classifier.services.models.serving import NoModel
from classifier.services.operations.storage import StorageUnavailable
from classifier.services.people.ownership import Owner
from ml.images.errors import ImageError
from ml.serving.bulk import find_images


class Command(BaseCommand):
    help = (
        "Create, fill, train, compare, export and delete classifiers of people's own classes. CLASSIFIER is an ID or a "
        "name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        show = actions.add_parser("list", help="Show the classifiers of one account, or of all, with their IDs.")
        show.add_argument("--owner", metavar="USERNAME", help="Only this account's.")
        create = actions.add_parser("create", help="Create a classifier for an account, and print its ID.")
        create.add_argument("name")
        create.add_argument("--owner", metavar="USERNAME", required=True, help="The account.")
        create.add_argument("--class", dest="classes", action="append", default=[], help="A class; may be repeated.")
        add = _action(actions, "add", "Add images; without --class, the name of each image's folder is its class.")
        add.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="An image file, or a folder of images.")
        add.add_argument("--class", dest="class_name", help="The class of all of these images.")
        _action(actions, "train", "Train the next version. It answers at once unless the comparison speaks against it.")
        _action(actions, "versions", "Show its versions and how good they are.")
        activate = _action(actions, "activate", "Use another version.")
        activate.add_argument("number", type=int)
        activate.add_argument("--reason", default="", help="Why, if the comparison speaks against the version.")
        compare = _action(actions, "compare", "Show how a version compares with the one that was in use before.")
        compare.add_argument("number", type=int)
        export = _action(actions, "export", "Write its images, head, card and answers to a ZIP archive.")
        export.add_argument("file", type=Path)
        delete = _action(actions, "delete", "Delete it with its images, versions and their predictions.")
        delete.add_argument("--yes", action="store_true", help="Do not ask for confirmation.")

    def handle(self, *, action: str, **options) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except ClassifierError as error:
            raise CommandError(explain_classifier_error(error)) from error
        except (ImageError, NoModel, OSError, StorageUnavailable) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict) -> None:
        found = (
            Classifier.objects.filter(owner=find_account(options["owner"])) if options["owner"] else Classifier.objects
        )
        for one in with_counts(found.order_by("created_at")).select_related("owner"):
            owner = one.owner.get_username() if one.owner else "visitor"
            counts = f"{one.class_count:>4} classes {one.image_count:>6,} images"  # type: ignore[attr-defined]
            self.stdout.write(f"{one.pk}  {counts}  {owner}: {one}")

    def _create(self, options: dict) -> None:
        name = options["name"].strip()
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise CommandError("A name has 1 to 100 printable characters.")
        owner = Owner(user=find_account(options["owner"]))
        made = collection.create_classifier(owner=owner, name=name, class_names=options["classes"])
        self.stdout.write(str(made.pk))

    def _add(self, options: dict) -> None:
        classifier = find_classifier(options["classifier"])
        new = known = failed = 0
        for path in _images(options["paths"]):
            try:
                with path.open("rb") as opened:
                    added = collection.add_image(
                        file=File(opened, path.name),
                        classifier=classifier,
                        class_name=options["class_name"] or path.resolve().parent.name,
                    )
            except (ImageError, OSError) as error:
                failed += 1
                self.stderr.write(f"{path}: {error}")
                continue
            new, known = new + added.is_new, known + (not added.is_new)
        self.stdout.write(f"{new:,} images were added, {known:,} were there already.")
        if failed or not new + known:
            raise CommandError(f"{failed:,} files could not be added." if failed else "There are no images.")

    def _train(self, options: dict) -> None:
        classifier = find_classifier(options["classifier"])
        trained = train(classifier=classifier)
        if trained is None:
            raise CommandError("The training was stopped.")
        version = store_trained(classifier=classifier, trained=trained)
        self.stdout.write(_described(version))
        if not version.active:
            self._report(version)

    def _versions(self, options: dict) -> None:
        for version in versions_of(find_classifier(options["classifier"])):
            self.stdout.write(f"{'*' if version.active else '':2}{_described(version)}")

    def _activate(self, options: dict) -> None:
        version = _version(options)
        promote(version=version, reason=options["reason"], user=None)
        self.stdout.write(f"{version} is in use.")

    def _compare(self, options: dict) -> None:
        self._report(_version(options))

    def _export(self, options: dict) -> None:
        classifier = find_classifier(options["classifier"])
        with options["file"].open("wb") as file:
            for block in zip_of(classifier):
                file.write(block)

    def _delete(self, options: dict) -> None:
        classifier = find_classifier(options["classifier"])
        images, versions, predictions = collection.loss_of(classifier)
        loss = f"{images:,} images, {versions:,} versions and {predictions:,} predictions"
        if not options["yes"] and input(f"Delete {classifier} with {loss}? [y/N] ").strip().lower() != "y":
            self.stdout.write("Nothing was deleted.")
            return
        collection.delete_classifier(classifier=classifier)
        self.stdout.write(f"{classifier} was deleted with {loss}.")

    def _report(self, version: ModelVersion) -> None:
        comparison = comparison_of(version)
        if comparison is None:
            self.stdout.write(f"{version} was not compared: no version was in use before.")
            return
        self.stdout.write(f"Compared with {comparison.baseline}. {verdict(comparison)} p = {comparison.p_value:.3f}")
        for text in refusals(comparison):
            self.stdout.write(text)
        if comparison.reason:
            self.stdout.write(f"Used in spite of this: {comparison.reason}")


def _action(actions, name: str, text: str) -> CommandParser:
    parser = actions.add_parser(name, help=text)
    parser.add_argument("classifier", metavar="CLASSIFIER")
    return parser


def _images(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist.")
    return find_images(paths, recursive=True)


def _version(options: dict) -> ModelVersion:
    classifier, number = find_classifier(options["classifier"]), options["number"]
    version = ModelVersion.every.filter(classifier=classifier, number=number).select_related("classifier").first()
    if version is None:
        raise CommandError(f"{classifier} has no version {number}. See: manage.py classifier versions {classifier.pk}")
    return version


def _described(version: ModelVersion) -> str:
    figures = VersionFigures(version)
    how = "cross-validated" if figures.cross_validated else "held out"
    return f"{version}: correct on {figures.right} of {figures.count} images ({how}): {figures.low} to {figures.high}"
