"""manage.py evaluate: score a model on labelled images with the graph that the site serves."""

import json
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ml import artifacts, cifar10, evaluation
from ml.artifacts import ArtifactError, Card
from ml.cifar10 import DatasetError
from ml.evaluation import Evaluation
from ml.inference import LoadedModel


class Command(BaseCommand):
    help = "Score a model on CIFAR-10 with the graph that the site serves; needs no TensorFlow."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="A model's folder below MODELS_DIR, such as student_cnn, or a path.")
        parser.add_argument(
            "--data-dir", type=Path, help="The unpacked binary version; by default CIFAR10_DIR, or a download."
        )
        parser.add_argument("--split", choices=("test", "validation"), default="test")
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, *, name: str, data_dir: Path | None, split: str, **options) -> None:
        try:
            folder = self._find(name)
            artifacts.verify(folder)
            model = LoadedModel(folder)
            dataset = cifar10.load(data_dir, progress=self._show_download)
        except (ArtifactError, DatasetError) as error:
            raise CommandError(str(error)) from error
        result = evaluation.evaluate(
            model.predict, getattr(dataset, split), model.class_names, progress=self._show_progress
        )
        if options["json"]:
            self.stdout.write(json.dumps({"model": name, "split": split, **result.as_dict()}, indent=2))
        else:
            self._print(model.card, split, dataset.fingerprint, result)

    def _find(self, name: str) -> Path:
        for folder in (Path(settings.MODELS_DIR) / name, Path(name)):
            if folder.is_dir():
                return folder
        names = [folder.name for folder in artifacts.model_folders(Path(settings.MODELS_DIR))]
        raise ArtifactError(f"There is no model {name!r}. There are: {', '.join(names) or 'none'}.")

    def _print(self, card: Card, split: str, fingerprint: str, result: Evaluation) -> None:
        low, high = result.interval
        self.stdout.write(f"{card.name}: {split} split, {result.count:,} images")
        self.stdout.write(f"accuracy  {result.accuracy:.2%}  (95% interval {low:.2%} to {high:.2%})")
        self.stdout.write(f"loss      {result.loss:.4f} nats")
        self.stdout.write(f"\n{'class':<12}{'precision':>10}{'recall':>10}{'F1':>10}{'images':>8}")
        for class_name, figures in result.per_class.items():
            self.stdout.write(
                f"{class_name:<12}{figures.precision:>10.1%}{figures.recall:>10.1%}{figures.f1:>10.1%}"
                f"{figures.support:>8}"
            )
        stated = card.metrics[split]["accuracy"]
        if fingerprint != card.dataset["fingerprint"]:
            self.stdout.write("\nThese are not the bytes that the card's figures were measured on.")
        self.stdout.write(f"\nThe card states {stated:.2%}.")

    def _show_progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done:,} of {total:,} images", ending="\n" if done == total else "")

    def _show_download(self, done: int, total: int | None) -> None:
        if sys.stderr.isatty():
            share = f"{done / total:.0%}" if total else f"{done / 1e6:.0f} MB"
            self.stderr.write(f"\rdownloading CIFAR-10: {share}", ending="\n" if done == total else "")
