"""manage.py sweep: remove files that no upload refers to, and report uploads whose files are missing."""

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.presentation.sizes import size_in_words
from classifier.services.jobs.storage import sweep_job_files
from classifier.services.operations.leftovers import leftovers
from classifier.services.operations.sweep import OLD, Loss, sweep
from ml.filesystem import unfinished


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
            for found in sweep(older_than=timedelta(minutes=older_than), dry_run=dry_run):
                if isinstance(found, Loss):
                    lost += 1
                    self.stderr.write(f"Upload {found.upload_id} is missing {' and '.join(found.names)}")
                    continue
                count, size = count + 1, size + found.size
                if dry_run or verbosity > 1:
                    self.stdout.write(found.name)
            for orphan in sweep_job_files(older_than=timedelta(minutes=older_than), dry_run=dry_run):
                count, size = count + 1, size + orphan.size
                if dry_run or verbosity > 1:
                    self.stdout.write(orphan.name)
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
