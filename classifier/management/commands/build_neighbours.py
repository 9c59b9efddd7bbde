"""manage.py build_neighbours: index training images so that the site can show similar ones."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.management.progress_line import ProgressLine
from classifier.presentation.sizes import size_in_words
from classifier.services.models.neighbour_index import build_index
from classifier.services.models.publishing import find_folder, verified_folder
from classifier.services.models.serving import NoModel, active_model
from ml.artifacts.folder import ArtifactError
from ml.data.dataset import DatasetError, Progress

#: The exit status that shells expect after Ctrl-C.
_INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Build an index of a model's training images with the graph that the site serves, so that “Why?” "
        "shows the most similar ones. The index is saved in the model's folder. TensorFlow is not needed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--model",
            help="A folder in MODELS_DIR, such as student_cnn, a path, or name@2 (default: the active model).",
        )
        parser.add_argument(
            "--data-dir",
            type=Path,
            help="The model's training set: CIFAR-10's binary version or a folder of images (default: CIFAR10_DIR, "
            "or a download).",
        )

    def handle(self, *, model: str | None, data_dir: Path | None, **options) -> None:
        try:
            folder = find_folder(model) if model else verified_folder(active_model().version)
            index, dataset = build_index(
                folder=folder, data_dir=data_dir, progress=self._progress, warn=self.stderr.write
            )
        except KeyboardInterrupt:
            raise CommandError("Stopped: no new index was written.", returncode=_INTERRUPTED) from None
        except (ArtifactError, DatasetError, NoModel) as error:
            raise CommandError(str(error)) from error
        size = sum(path.stat().st_size for path in index.folder.iterdir())
        self.stdout.write(
            f"{index.count:,} training images of {dataset.name} in {index.folder}, {size_in_words(size)}."
        )

    def _progress(self) -> Progress | None:
        """Return a function that shows the progress of one step, or None without a terminal."""
        if not self.stderr.isatty():
            return None
        line: ProgressLine | None = None

        def show(done: int, total: int | None) -> None:
            nonlocal line
            line = line or ProgressLine(self.stderr, total or done)
            line.show(done, done)
            if done == total:
                line.clear()

        return show
