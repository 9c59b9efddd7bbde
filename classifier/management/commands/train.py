"""manage.py train: train a network, write its model folder and publish it."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.management import training_arguments
from classifier.management.activation import activate
from classifier.models import TrainingRun
from classifier.services.models import publishing, training_lock
from classifier.services.models import training as training_service
from classifier.services.models.training import RunInTheWay
from classifier.services.models.training_lease import renewed
from classifier.services.models.training_lock import RunAlive
from ml.artifacts import folder as artifacts
from ml.artifacts import readers
from ml.artifacts.export import ExportError
from ml.artifacts.folder import ArtifactError
from ml.building import pipeline, writing
from ml.building.pipeline import TensorFlowMissing
from ml.data.dataset import Dataset, DatasetError
from ml.networks.registry import DEFAULT_ARCHITECTURE, UnknownArchitecture, WeightsMissing, find_architecture
from ml.training import loop as training
from ml.training.heads import FEWEST_TO_FINE_TUNE
from ml.training.loop import TrainingError
from ml.training.recipes import Recipe, UnknownRecipe, find_recipe
from ml.training.run_settings import RunSettings, SettingsError, check_models
from ml.training.transfer import ModelSource, TransferError


class Command(BaseCommand):
    help = (
        "Train a network on CIFAR-10 or a folder of images, evaluate it once on the test split, and publish it. "
        "Ctrl-C stops after the epoch and keeps the work; --resume continues it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        training_arguments.add_to(parser)

    def handle(self, **options) -> None:
        try:
            pipeline.require_tensorflow()
            self._train(options)
        except (
            ArtifactError,
            DatasetError,
            ExportError,
            RunAlive,
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

        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True)
        name = self._name(options)
        with training_lock.exclusive(name=name):
            self._run(name, options, console)

    def _run(self, name: str, options: dict, console) -> None:
        run_settings, dataset = self._prepare(name, options, console)
        folder = training_service.run_folder(name)
        if options["resume"]:
            run = training_service.resume_run(run_settings=run_settings, history=training.read_history(folder))
        else:
            run = training_service.begin_run(run_settings=run_settings)
        with renewed(run):
            self._produce(run, run_settings, dataset, options, console)

    def _produce(self, run: TrainingRun, run_settings: RunSettings, dataset: Dataset, options: dict, console) -> None:
        from classifier.management.training_console import TrainingConsole, print_summary

        listener = TrainingConsole(run, console)
        try:
            model_folder = training_service.written_model(name=run.name)
            if model_folder is None:
                model_folder = publishing.free_folder(run.name)
                with listener.showing():
                    card = pipeline.produce(
                        run_settings,
                        dataset,
                        run_folder=training_service.run_folder(run.name),
                        model_folder=model_folder,
                        listener=listener,
                        resume=options["resume"],
                        report=listener.step,
                    )
                if card is None:
                    return self._say_stopped(run, console)
                training_service.note_written(run=run, model_folder=model_folder)
            version = training_service.complete_run(run=run, model_folder=model_folder)
        except KeyboardInterrupt:
            self._say_stopped(run, console)
        except Exception as error:
            self._fail(run, run_settings, error)
        else:
            print_summary(console, artifacts.load_card(model_folder))
            console.print(f"Published as {version} in {version.path}.")
            if options["activate"]:
                activate(self, version, sure=options["yes"])
            else:
                console.print("Activate it in the admin, or with manage.py models activate, to let it answer.")

    def _fail(self, run: TrainingRun, run_settings: RunSettings, error: Exception) -> NoReturn:
        """Record the failure, and say how to resume: finished epochs are never lost."""
        with suppress(DatabaseError):
            training_service.end_run(run=run, status=TrainingRun.Status.FAILED, message=str(error))
        if not training_service.is_trained(run_settings=run_settings):
            raise error
        raise CommandError(
            f"The network is trained, but its model was not published: {error or type(error).__name__}\n"
            "Nothing is lost. When the cause is removed, finish the run, without training again: "
            f"manage.py train --resume --name {run.name}"
        ) from error

    def _name(self, options: dict) -> str:
        """Return the name of the run, new or to be resumed."""
        if options["resume"]:
            given = [
                f"--{option.replace('_', '-')}" for option in training_arguments.FIXED if options[option] is not None
            ]
            if given:
                raise CommandError(f"A resumed run keeps its settings. Remove {', '.join(given)}.")
            name = options["name"] or training_service.latest_unfinished_name()
            if name is None:
                raise CommandError("There is no run to resume. Start one with: manage.py train")
        else:
            architecture = options["architecture"] or DEFAULT_ARCHITECTURE
            find_architecture(architecture)
            name = options["name"] or f"{architecture}-{datetime.now():%Y%m%d-%H%M%S}"
        return artifacts.check_name(name)

    def _prepare(self, name: str, options: dict, console) -> tuple[RunSettings, Dataset]:
        """Return the settings of the run, new or stored, and its data."""
        if not options["resume"]:
            training_service.check_free(name=name)
            return self._new_settings(name, options, console)
        run_settings = RunSettings.load(training_service.run_folder(name))
        image_size = run_settings.image_shape[0]
        known = Path(run_settings.data_dir) if run_settings.data_dir else None
        data_dir = options["data_dir"] or known
        return run_settings, self._load(
            data_dir, image_size, run_settings.limit, name, console, skip_unreadable=run_settings.skip_unreadable
        )

    def _new_settings(self, name: str, options: dict, console) -> tuple[RunSettings, Dataset]:
        architecture = options["architecture"] or DEFAULT_ARCHITECTURE
        recipe = find_recipe(options["recipe"] or find_architecture(architecture).recipe).changed(
            epochs=options["epochs"],
            batch_size=options["batch_size"],
            learning_rate=options["learning_rate"],
            compute_dtype=options["compute_dtype"],
        )
        # Before the data, which may be a long download.
        models: Any = {**self._beginning(options["weights"]), "teacher": self._source(options["teacher"])}
        check_models(architecture, recipe, **models)
        data_dir = options["data_dir"] and options["data_dir"].resolve()
        skip_unreadable = bool(options["skip_unreadable"])
        dataset = self._load(
            data_dir,
            options["image_size"],
            options["limit"],
            name,
            console,
            skip_unreadable=skip_unreadable,
            default_image_size=find_architecture(architecture).image_size,
        )
        recipe = self._fitting(architecture, recipe, dataset, options, console)
        return (
            RunSettings.for_dataset(
                dataset,
                name=name,
                architecture=architecture,
                recipe=recipe,
                seed=1 if options["seed"] is None else options["seed"],
                limit=options["limit"],
                backend=writing.backend(),
                data_dir=data_dir and str(data_dir),
                skip_unreadable=skip_unreadable,
                **models,
            ),
            dataset,
        )

    def _fitting(self, architecture: str, recipe: Recipe, dataset: Dataset, options: dict, console) -> Recipe:
        """Return the recipe for the data: few images train only the head of a network pretrained on ImageNet."""
        per_class = len(dataset.train.labels) / len(dataset.class_names)
        if not find_architecture(architecture).load_pretrained or recipe.head_only or per_class >= FEWEST_TO_FINE_TUNE:
            return recipe
        few = f"{len(dataset.train.labels):,} training images are too few to fine-tune {architecture}"
        if options["recipe"] or options["epochs"]:
            console.print(f"Warning: {few}. --recipe linear_head takes seconds and is likely to be more accurate.")
            return recipe
        console.print(
            f"{few}: a linear layer is trained on its features. To train the whole network anyway: --recipe "
            f"{recipe.name}"
        )
        return find_recipe("linear_head").changed(compute_dtype=options["compute_dtype"])

    def _beginning(self, weights: str | None) -> dict[str, str | ModelSource | None]:
        """Resolve --weights: a file of ImageNet weights, or a trained model."""
        if weights and Path(weights).is_file():
            return {"weights_file": str(Path(weights).resolve()), "initial_weights": None}
        return {"weights_file": None, "initial_weights": self._source(weights)}

    def _source(self, name: str | None) -> ModelSource | None:
        return ModelSource.of(publishing.find_folder(name)) if name else None

    def _load(
        self,
        data_dir: Path | None,
        image_size: int | None,
        limit: int | None,
        name: str,
        console,
        *,
        skip_unreadable: bool,
        default_image_size: int = readers.DEFAULT_IMAGE_SIZE,
    ) -> Dataset:
        from classifier.management.training_console import print_report, reading

        with reading(console) as progress:
            dataset = readers.load_dataset(
                data_dir,
                image_size=image_size,
                default_image_size=default_image_size,
                progress=progress,
                skip_unreadable=skip_unreadable,
                scratch=Path(settings.RUNS_DIR),
            )
        if dataset.report:
            print_report(console, dataset.report, training_service.run_folder(f"{name}-images.txt"))
        return dataset if limit is None else dataset.limited(limit)

    def _say_stopped(self, run: TrainingRun, console) -> None:
        training_service.end_run(run=run, status=TrainingRun.Status.STOPPED)
        console.print(f"Stopped. Resume with: manage.py train --resume --name {run.name}")
