"""manage.py document_models: write the models' figures into the READMEs, from their cards."""

import re
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from classifier.presentation.model_description import description
from classifier.presentation.model_figures import table
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError

READMES = {"README.md": "en", "README.uk.md": "uk"}

_SECTION = re.compile(
    r"(<!-- (?P<kind>figures|description): (?P<name>[\w-]+) -->\n).*?(<!-- end of (?P=kind) -->)", re.DOTALL
)


class Command(BaseCommand):
    help = "Write the model tables into the READMEs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Change nothing; fail if a README is out of date.")

    def handle(self, *, check: bool, **options) -> None:
        stale = []
        for name, language in READMES.items():
            path = Path(settings.BASE_DIR) / name
            before = path.read_text(encoding="utf-8")
            with translation.override(language):
                after = _SECTION.sub(self._section, before)
            if after != before:
                stale.append(name)
                if not check:
                    path.write_text(after, encoding="utf-8")
        if check and stale:
            raise CommandError(f"Out of date: {', '.join(stale)}. Run: manage.py document_models")
        self.stdout.write("Written: " + ", ".join(stale) if stale else "Nothing to change.")

    def _section(self, match: re.Match[str]) -> str:
        folder = Path(settings.MODELS_DIR) / match["name"]
        try:
            card = artifacts.load_card(folder)
        except ArtifactError as error:
            raise CommandError(str(error)) from error
        if match["kind"] == "description":
            written = "\n".join(f"- {sentence}" for sentence in description(card))
        else:
            written = table(card, artifacts.load_evaluation(folder, "photographs"))
        return f"{match[1]}{written}\n{match[4]}"
