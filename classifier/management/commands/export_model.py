"""manage.py export_model: write a trained model's graph and figures again, from its Keras file."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management.activation import activate, add_activation
from classifier.services.models import publishing
from classifier.services.models.measurements import test_in_words
from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.export import ExportError
from ml.artifacts.folder import ArtifactError
from ml.building import pipeline
from ml.building.pipeline import TensorFlowMissing
from ml.data.dataset import DatasetError


class Command(BaseCommand):
    help = (
        "Export a trained model again from its Keras file, calibrate and evaluate it on its own data set, "
        "and publish it as the next version of its name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="A model folder in MODELS_DIR, such as student_cnn, a path, or name@2.")
        parser.add_argument("--data-dir", type=Path, help="See manage.py train --help.")
        add_activation(parser, "Activate the new version.")

    def handle(self, *, name: str, data_dir: Path | None, **options) -> None:
        try:
            source = publishing.find_folder(name)
            card = artifacts.load_card(source)
            dataset = readers.load_for(card.class_names, card.input_shape[0], data_dir, warn=self.stderr.write)
            folder = publishing.free_folder(card.name)
            card = pipeline.write_again(source, dataset, folder, lambda step: self.stderr.write(f"{step} ..."))
            version = publishing.publish(folder=folder)
        except (ArtifactError, DatasetError, ExportError, TensorFlowMissing) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{test_in_words(card)}, computed in {card.export['arithmetic']}. Published as {version} in {version.path}."
        )
        if options["activate"]:
            activate(self, version, sure=options["yes"])
