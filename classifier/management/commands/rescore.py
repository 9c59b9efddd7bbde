"""manage.py rescore: classify the stored uploads with another version and compare."""

import csv
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.services.history.spreadsheets import plain_text
from classifier.services.models import publishing
from classifier.services.predictions.rescoring import rescore
from ml.artifacts.folder import ArtifactError

_FLIPS_SHOWN = 20


class Command(BaseCommand):
    help = "Classify the stored uploads with another version and report which predictions change. Nothing is saved."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, metavar="MODEL", help="A name, or name@2.")
        parser.add_argument(
            "--csv", dest="table", type=Path, metavar="FILE", help="Write every changed prediction to this file."
        )

    def handle(self, *, model: str, table: Path | None, **options) -> None:
        version = publishing.find_version(model)
        if version is None:
            raise CommandError(f"There is no model {model!r}. See: manage.py models list")
        try:
            with table.open("w", newline="", encoding="utf-8-sig") if table else nullcontext() as file:
                self._report(version, file)
        except ArtifactError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{table} cannot be written ({error.strerror}).") from error

    def _report(self, version, file) -> None:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC) if file else None
        if writer:
            writer.writerow(["prediction", "before", "after", "confidence", "corrected_class"])
        counts: Counter[str] = Counter()
        flips: Counter[tuple[str, str | None]] = Counter()
        for one in rescore(version=version):
            counts["stored"] += 1
            counts["unreadable"] += one.after is None
            counts["corrected"] += bool(one.label) and one.after is not None
            counts["fixed"] += one.fixed
            counts["regressed"] += one.regressed
            if one.flipped:
                flips[one.before, one.after] += 1
                if writer:
                    texts = [plain_text(text) for text in (one.before, one.after or "", one.label)]
                    writer.writerow([one.prediction_id, *texts[:2], f"{one.confidence:.6f}", texts[2]])
        changed, read = sum(flips.values()), counts["stored"] - counts["unreadable"]
        share = f" ({changed / read:.1%})" if read else ""
        self.stdout.write(f"{version} changes {changed:,} of {read:,} predictions{share}.")
        for (before, after), count in flips.most_common(_FLIPS_SHOWN):
            self.stdout.write(f"{count:>7,}  {before} -> {after}")
        if counts["corrected"]:
            self.stdout.write(
                f"Of {counts['corrected']:,} reviewed predictions, {counts['fixed']:,} become correct and "
                f"{counts['regressed']:,} become incorrect."
            )
        if counts["unreadable"]:
            self.stdout.write(f"{counts['unreadable']:,} files could not be read.")
