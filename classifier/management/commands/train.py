"""manage.py train: train a network, write its model folder and publish it."""

from datetime import datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management.numbers import positive_number, whole_number
from classifier.models import TrainingRun
from classifier.services import publishing
from classifier.services import training as training_service
from classifier.services.training import RunInTheWay
from ml import artifacts, pipeline, readers, training, writing
from ml.architectures import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    UnknownArchitecture,
    WeightsMissing,
    find_architecture,
)
from ml.artifacts import ArtifactError
from ml.dataset import Dataset, DatasetError
from ml.export import ExportError
from ml.pipeline import TensorFlowMissing
from ml.recipes import RECIPES, UnknownRecipe, find_recipe
from ml.run_settings import RunSettings, SettingsError, check_models
from ml.training import TrainingError
from ml.transfer import ModelSource, TransferError

#: What a resumed run has fixed already.
_FIXED = (
    "architecture",
    "recipe",
    "epochs",
    "batch_size",
    "learning_rate",
    "seed",
    "limit",
    "compute_dtype",
    "image_size",
    "weights",
    "teacher",
)


class Command(BaseCommand):
    help = (
        "Train a network on CIFAR-10 or a folder of pictures, evaluate it once on the test split, and publish it. "
        "Ctrl-C stops after the epoch and keeps the work; --resume goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--architecture",
            help=f"One of: {', '.join(sorted(ARCHITECTURES))} (default {DEFAULT_ARCHITECTURE}).",
        )
        parser.add_argument("--recipe", help=f"One of: {', '.join(sorted(RECIPES))} (default: the architecture's own).")
        parser.add_argument("--epochs", type=whole_number(1), help="Instead of the recipe's number.")
        parser.add_argument("--batch-size", type=whole_number(1), help="Instead of the recipe's number of images.")
        parser.add_argument("--learning-rate", type=positive_number, help="The peak, instead of the recipe's.")
        parser.add_argument(
            "--compute-dtype",
            choices=("float32", "mixed_bfloat16"),
            help="mixed_bfloat16 is faster on processors that have instructions for it.",
        )
        parser.add_argument(
            "--seed", type=whole_number(0, 2**31 - 1), help="What all chance is drawn from (default 1)."
        )
        parser.add_argument("--limit", type=whole_number(1), metavar="N", help="Train on N images only: a quick run.")
        parser.add_argument(
            "--data-dir",
            type=Path,
            help="CIFAR-10's binary version, or a folder of pictures with one sub-folder a class; by default "
            "CIFAR10_DIR, or a download.",
        )
        parser.add_argument(
            "--image-size",
            type=whole_number(1),
            metavar="PIXELS",
            help="The side that one's own pictures are brought to.",
        )
        parser.add_argument(
            "--weights",
            metavar="MODEL|FILE",
            help="Begin from the weights of this trained model of the same architecture; or, for a network that has "
            "learnt on ImageNet, from this file of its weights.",
        )
        parser.add_argument(
            "--teacher", metavar="MODEL", help="Learn from this trained model's answers, by a recipe with distillation."
        )
        parser.add_argument("--name", help="What to call the model (default: architecture and time).")
        parser.add_argument("--resume", action="store_true", help="Go on with the run of --name, or the latest.")
        parser.add_argument("--activate", action="store_true", help="Let the new model answer on the site.")

    def handle(self, **options) -> None:
        try:
            pipeline.require_tensorflow()
            self._train(options)
        except (
            ArtifactError,
            DatasetError,
            ExportError,
            RunInTheWay,
            SettingsError,
            TensorFlowMissing,
            TrainingError,
            TransferError,
            UnknownArchitecture,
            UnknownRecipe,
            WeightsMissing,
        ) as error:
            raise CommandError(str(error)) from error

    def _train(self, options: dict) -> None:
        from rich.console import Console

        from classifier.management.training_console import TrainingConsole, print_summary

        console = Console(file=self.stdout, soft_wrap=True)
        run_settings, dataset = self._prepare(options, console)
        folder = training_service.run_folder(run_settings.name)
        model_folder = publishing.free_folder(run_settings.name)
        if options["resume"]:
            run = training_service.resume_run(run_settings=run_settings, history=training.read_history(folder))
        else:
            run = training_service.begin_run(run_settings=run_settings)
        listener = TrainingConsole(run, console)
        try:
            with listener.showing():
                card = pipeline.produce(
                    run_settings,
                    dataset,
                    run_folder=folder,
                    model_folder=model_folder,
                    listener=listener,
                    resume=options["resume"],
                    report=lambda step: console.print(f"{step} ..."),
                )
        except KeyboardInterrupt:
            card = None
        except Exception as error:
            training_service.end_run(run=run, status=TrainingRun.Status.FAILED, message=str(error))
            raise
        if card is None:
            self._say_stopped(run, console)
            return
        version = training_service.complete_run(run=run, model_folder=model_folder, activate=options["activate"])
        print_summary(console, card)
        advice = "It is the one that answers." if version.active else "Activate it in the admin to let it answer."
        console.print(f"Published as {version} in {version.path}. {advice}")

    def _prepare(self, options: dict, console) -> tuple[RunSettings, Dataset]:
        """Return what the run is to be, new or read back, and its data."""
        if not options["resume"]:
            return self._new_settings(options, console)
        given = [f"--{option.replace('_', '-')}" for option in _FIXED if options[option] is not None]
        if given:
            raise CommandError(f"A resumed run keeps its settings: leave out {', '.join(given)}.")
        name = options["name"] or training_service.latest_unfinished_name()
        if name is None:
            raise CommandError("There is no run to resume. Start one with: manage.py train")
        run_settings = RunSettings.load(training_service.run_folder(artifacts.check_name(name)))
        image_size = run_settings.image_shape[0]
        data_dir = options["data_dir"] or (run_settings.data_dir and Path(run_settings.data_dir))
        return run_settings, self._load(data_dir, image_size, run_settings.limit, console)

    def _new_settings(self, options: dict, console) -> tuple[RunSettings, Dataset]:
        architecture = options["architecture"] or DEFAULT_ARCHITECTURE
        recipe = find_recipe(options["recipe"] or find_architecture(architecture).recipe).changed(
            epochs=options["epochs"],
            batch_size=options["batch_size"],
            learning_rate=options["learning_rate"],
            compute_dtype=options["compute_dtype"],
        )
        name = artifacts.check_name(options["name"] or f"{architecture}-{datetime.now():%Y%m%d-%H%M%S}")
        # Before the data, which may be a long download.
        models = {**self._beginning(options["weights"]), "teacher": self._source(options["teacher"])}
        check_models(architecture, recipe, **models)
        data_dir = options["data_dir"] and options["data_dir"].resolve()
        dataset = self._load(data_dir, options["image_size"], options["limit"], console)
        seed = 1 if options["seed"] is None else options["seed"]
        return (
            RunSettings.for_dataset(
                dataset,
                name=name,
                architecture=architecture,
                recipe=recipe,
                seed=seed,
                limit=options["limit"],
                backend=writing.backend(),
                data_dir=data_dir and str(data_dir),
                **models,
            ),
            dataset,
        )

    def _beginning(self, weights: str | None) -> dict[str, str | ModelSource | None]:
        """What --weights names: a file of ImageNet's weights, or a trained model."""
        if weights and Path(weights).is_file():
            return {"weights_file": str(Path(weights).resolve()), "initial_weights": None}
        return {"weights_file": None, "initial_weights": self._source(weights)}

    def _source(self, name: str | None) -> ModelSource | None:
        return ModelSource.of(publishing.find_folder(name)) if name else None

    def _load(self, data_dir: Path | None, image_size: int | None, limit: int | None, console) -> Dataset:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

        columns = ("data set", BarColumn(), TaskProgressColumn(show_speed=True), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("read", total=None, visible=False)

            def show(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total, visible=True)

            dataset = readers.load_dataset(data_dir, image_size=image_size, progress=show)
        return dataset if limit is None else dataset.limited(limit)

    def _say_stopped(self, run: TrainingRun, console) -> None:
        training_service.end_run(run=run, status=TrainingRun.Status.STOPPED)
        console.print(f"Stopped. Go on with: manage.py train --resume --name {run.name}")
