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
        "Combine a trained thumbnail network and EfficientNet-Lite0 for photos into one model, evaluate it and "
        "publish it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The name of the model.")
        parser.add_argument("--thumbnails", required=True, metavar="MODEL", help="A trained model of the ten classes.")
        parser.add_argument(
            "--image-size",
            type=whole_number(32, 512),
            default=224,
            metavar="PIXELS",
            help="The input size of the photo network in pixels (32 to 512).",
        )
        parser.add_argument(
            "--weights", type=Path, metavar="FILE", help="A file of ImageNet weights (default: the project's)."
        )
        parser.add_argument(
            "--learn-from",
            type=Path,
            metavar="DIR",
            help="Photos to train the head of the photo network on: one folder per class, and "
            "none/ for others. File names begin with their source and `_`.",
        )
        parser.add_argument("--data-dir", type=Path, help="See manage.py train --help.")
        add_activation(parser, "Activate the new model.")

    def handle(self, *, name: str, thumbnails: str, **options) -> None:
        try:
            folder = Path(settings.MODELS_DIR) / artifacts.check_name(name)
            artifacts.check_free(folder)
            source = publishing.find_folder(thumbnails)
            card = artifacts.load_card(source)
            dataset = readers.load_for(
                card.class_names, card.input_shape[0], options["data_dir"], warn=self.stderr.write
            )
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
