"""manage.py evaluate: evaluate a model on labelled images with the graph that the site serves."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management import evaluation_report as report
from classifier.services.models.measurements import PHOTOGRAPH_USES, photographs_were_used
from classifier.services.models.publishing import find_folder
from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.folder import ArtifactError
from ml.artifacts.mistakes import save_mistakes
from ml.data.dataset import Dataset, DatasetError, Progress
from ml.evaluation import metrics as evaluation
from ml.evaluation import photographs
from ml.serving.inference import LoadedModel


class Command(BaseCommand):
    help = (
        "Evaluate a model with the graph that the site serves, on a held-out split or, with --photos, on "
        "photos. The figures are printed and saved in the model's folder. TensorFlow is not needed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="A model folder in MODELS_DIR, such as student_cnn, a path, or name@2.")
        parser.add_argument(
            "--data-dir",
            type=Path,
            help="CIFAR-10's binary version or a folder of images (default: CIFAR10_DIR, or a download).",
        )
        parser.add_argument("--split", choices=("test", "validation"), default="test")
        parser.add_argument(
            "--photos", type=Path, help="Evaluate on photos instead: one folder per class, and none/ for others."
        )
        parser.add_argument(
            "--used-for",
            nargs="+",
            choices=PHOTOGRAPH_USES,
            default=[],
            help="With --photos: what the photos were used for before, which makes the figures not an independent "
            "test. backbone: the backbone was trained on ImageNet, which they come from.",
        )
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, *, name: str, data_dir: Path | None, split: str, photos: Path | None, **options) -> None:
        if photos and data_dir:
            raise CommandError("Use --data-dir or --photos, not both.")
        if options["used_for"] and not photos:
            raise CommandError("--used-for requires --photos.")
        try:
            folder = find_folder(name)
            model = LoadedModel(folder)
            if photos:
                self._score_photographs(folder, model, photos, options)
            else:
                self._score_split(folder, model, data_dir, split, options["json"])
        except (ArtifactError, DatasetError) as error:
            raise CommandError(str(error)) from error

    def _score_split(self, folder: Path, model: LoadedModel, data_dir: Path | None, split: str, as_json: bool) -> None:
        dataset = self._load(model, data_dir)
        scored = dataset.reporting if split == "validation" else dataset.test
        answers = evaluation.run(model.predict, model.prepare_all(scored.images), progress=self._progress("images"))
        assessment = evaluation.assess(answers, scored.labels, model.class_names)
        figures = {"model": model.card.name, "split": split, "dataset": dataset.name, **assessment.as_dict()}
        figures["fingerprint"] = dataset.fingerprint

        def draw(target: Path) -> None:
            from ml.plots import charts as plots

            plots.save_assessment(assessment, model.class_names, split, target)
            save_mistakes(scored.images, scored.labels, answers.probabilities, target)

        self._report(figures, as_json, lambda: report.of_split(model.card, split, dataset, assessment))
        self._keep(folder, split, figures, draw)

    def _score_photographs(self, folder: Path, model: LoadedModel, photos: Path, options: dict[str, Any]) -> None:
        found = photographs.load(photos, model, progress=self._progress("photographs"))
        result = photographs.evaluate(model, found)
        figures = {"model": model.card.name, **result.as_dict(), "used_for": options["used_for"]}
        used = photographs_were_used(model.card, figures)
        self._report(figures, options["json"], lambda: report.of_photographs(model.card, result, used))
        self._keep(folder, "photographs", figures, lambda target: None)

    def _load(self, model: LoadedModel, data_dir: Path | None) -> Dataset:
        height, width, _channels = model.card.input_shape
        if height != width:
            raise CommandError(f"The model takes images of {height} x {width} pixels; data sets are read as squares.")
        return readers.load_for(
            model.known_classes, height, data_dir, progress=self._progress("files"), warn=self.stderr.write
        )

    def _report(self, figures: dict[str, Any], as_json: bool, lines: Callable[[], list[str]]) -> None:
        self.stdout.write(json.dumps(figures, indent=2, ensure_ascii=False) if as_json else "\n".join(lines()))

    def _keep(self, folder: Path, name: str, figures: dict[str, Any], draw: Callable[[Path], None]) -> None:
        """Store the figures with the model if its folder is writable and matplotlib is installed."""
        try:
            kept = artifacts.save_evaluation(folder, name, figures, draw)
        except ArtifactError as error:
            self.stderr.write(f"The figures were not saved: {error}")
        except ImportError:
            kept = artifacts.save_evaluation(folder, name, figures, lambda target: None)
            self.stderr.write(f"Saved in {kept}, without plots. For plots, run: pip install -r requirements.txt")
        else:
            self.stderr.write(f"Saved in {kept}.")

    def _progress(self, what: str) -> Progress:
        def show(done: int, total: int | None) -> None:
            if sys.stderr.isatty():
                amount = f"{done:,} of {total:,}" if total else f"{done:,}"
                self.stderr.write(f"\r{what}: {amount}", ending="\n" if done == total else "")

        return show
