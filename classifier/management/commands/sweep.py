"""manage.py sweep: remove files that no upload refers to, and report uploads whose files are missing."""

from collections.abc import Iterator
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from classifier.presentation.sizes import size_in_words
from classifier.services.jobs.storage import sweep_job_files
from classifier.services.operations.leftovers import leftovers, sweep_model_files
from classifier.services.operations.sweep import OLD, Loss, Orphan, sweep
from classifier.storages.stored import site_storage
from ml.filesystem import unfinished

#: An upload in parts that began so long ago was interrupted.
_ENDLESS = timedelta(days=1)


class Command(BaseCommand):
    help = (
        "Remove files that a killed process left behind, and report uploads whose files are "
        "missing. The site may keep running. Fails if something is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Show what would be removed without removing it.")
        parser.add_argument(
            "--older-than",
            type=float,
            default=OLD.total_seconds() / 60,
            metavar="MINUTES",
            help="Skip files younger than this, which may still be uploading (default: %(default)g). Use 0 only "
            "while the site is stopped.",
        )

    def handle(self, *, dry_run: bool, older_than: float, verbosity: int, **options) -> None:
        count = size = lost = 0
        try:
            for found in _sweep(timedelta(minutes=older_than), dry_run):
                if isinstance(found, Loss):
                    lost += 1
                    self.stderr.write(f"Upload {found.upload_id} is missing {' and '.join(found.names)}")
                    continue
                count, size = count + 1, size + found.size
                if dry_run or verbosity > 1:
                    self.stdout.write(found.name)
        except (OSError, DatabaseError) as error:
            raise CommandError(
                f"Stopped after {count:,} files: {error}. Run the same command again to resume."
            ) from error
        for path in leftovers():
            self.stdout.write(f"{path}: left behind by a killed command.")
            if not dry_run:
                unfinished.remove(path)
        done = "would be removed" if dry_run else "were removed"
        self.stdout.write(f"{count:,} files without an upload {done} ({size_in_words(size)}).")
        if lost:
            raise CommandError(
                f"{lost:,} uploads are missing a file. Restore the files named above to the uploads folder from a "
                "backup, or delete these uploads in the history or in the admin."
            )


def _sweep(older_than: timedelta, dry_run: bool) -> Iterator[Orphan | Loss]:
    yield from sweep(older_than=older_than, dry_run=dry_run)
    yield from sweep_job_files(older_than=older_than, dry_run=dry_run)
    yield from sweep_model_files(older_than=older_than, dry_run=dry_run)
    if not dry_run:
        site_storage().abort_uploads(before=timezone.now() - _ENDLESS)
