"""manage.py classify: what a model says of image files; nothing is stored."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.services.publishing import find_version, verified_folder
from classifier.services.serving import NoModel, active_model
from ml import preprocessing
from ml.artifacts import ArtifactError
from ml.decision import Answers
from ml.inference import LoadedModel
from ml.preprocessing import ImageError


class Command(BaseCommand):
    help = "Classify image files as the site does, without storing them. Needs no TensorFlow."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--model", help="A published model, such as student_cnn or student_cnn@2; else the active.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object a line, with all probabilities.")

    def handle(self, *, files: list[Path], model: str | None, **options) -> None:
        name, loaded = self._load(model)
        failed = 0
        for path in files:
            try:
                picture = preprocessing.decode(path.read_bytes()).picture
            except (OSError, ImageError) as error:
                failed += 1
                reason = error.strerror if isinstance(error, OSError) else error
                self.stderr.write(f"{path}: {reason}")
                continue
            self._print(path, name, loaded, loaded.answer([loaded.see(picture)]), options["json"])
        if failed:
            raise CommandError(f"{failed} of {len(files)} files could not be classified.")

    def _load(self, name: str | None) -> tuple[str, LoadedModel]:
        try:
            if name is None:
                served = active_model()
                return str(served.version), served.model
            version = find_version(name)
            if version is None:
                raise CommandError(f"No model {name!r} is published.")
            return str(version), LoadedModel(verified_folder(version))
        except (NoModel, ArtifactError) as error:
            raise CommandError(str(error)) from error

    def _print(self, path: Path, name: str, loaded: LoadedModel, answers: Answers, as_json: bool) -> None:
        probabilities, abstained = answers.probabilities[0], bool(answers.abstained[0])
        top = int(answers.best(loaded.none_index)[0])
        if as_json:
            by_class = {name: float(share) for name, share in zip(loaded.class_names, probabilities)}
            answer = {"file": str(path), "model": name, "class": loaded.class_names[top]}
            answer |= {"confidence": float(probabilities[top]), "abstained": abstained, "probabilities": by_class}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            doubt = "  (does not look like any of the classes)" if abstained else ""
            self.stdout.write(f"{path}: {loaded.class_names[top]} {probabilities[top]:.1%}{doubt}")
