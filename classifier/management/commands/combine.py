"""manage.py combine: combine a thumbnail network and a photo network into one model."""

import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management.activation import activate, add_activation
from classifier.management.numbers import whole_number
from classifier.services.models import publishing
from classifier.services.models.measurements import test_in_words
from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.export import ExportError
from ml.artifacts.folder import ArtifactError
from ml.building import composite, photograph_writing
from ml.building.pipeline import TensorFlowMissing
from ml.data.dataset import DatasetError
from ml.networks.registry import WeightsMissing


class Command(BaseCommand):
    help = (
        "Put a trained network for thumbnails and EfficientNet-Lite0 for photographs into one model, evaluate it and "
        "publish it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="What to call the model.")
        parser.add_argument("--thumbnails", required=True, metavar="MODEL", help="A trained model of the ten classes.")
        parser.add_argument(
            "--image-size",
            type=whole_number(32, 512),
            default=224,
            metavar="PIXELS",
            help="The side of what the network for photographs sees (32 to 512).",
        )
        parser.add_argument("--weights", type=Path, metavar="FILE", help="ImageNet's weights, if not the project's.")
        parser.add_argument(
            "--learn-from",
            type=Path,
            metavar="DIR",
            help="Photographs that the head of the network for photographs learns from: a folder for each class, and "
            "none/ for others; file names begin with their source and `_`.",
        )
        parser.add_argument("--data-dir", type=Path, help="As for manage.py train.")
        add_activation(parser, "Let the new model answer on the site.")

    def handle(self, *, name: str, thumbnails: str, **options) -> None:
        try:
            folder = Path(settings.MODELS_DIR) / artifacts.check_name(name)
            artifacts.check_free(folder)
            source = publishing.find_folder(thumbnails)
            card = artifacts.load_card(source)
            dataset = readers.load_for(card.class_names, card.input_shape[0], options["data_dir"])
            with tempfile.TemporaryDirectory() as temporary:
                photographs = Path(temporary) / "photographs"
                photograph_writing.write(
                    photographs,
                    dataset,
                    size=options["image_size"],
                    weights=options["weights"],
                    learn_from=options["learn_from"],
                    report=self._report,
                )
                card = composite.combine(
                    folder,
                    thumbnails=source,
                    photographs=photographs,
                    dataset=dataset,
                    report=self._report,
                )
            version = publishing.publish(folder=folder)
        except (ArtifactError, DatasetError, ExportError, TensorFlowMissing, WeightsMissing) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{test_in_words(card)}. Published as {version}.")
        if options["activate"]:
            activate(self, version, sure=options["yes"])

    def _report(self, step: str) -> None:
        self.stderr.write(f"{step} ...")
