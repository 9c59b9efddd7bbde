"""manage.py backup: database, uploads and models in one archive, while the site runs."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.presentation.sizes import size_in_words
from classifier.services.operations.archive import ArchiveError
from classifier.services.operations.backup import back_up


class Command(BaseCommand):
    help = (
        "Save the database, the uploads and the published models in one archive; the site may keep running. The "
        "archive contains everybody's images: protect it as you protect the site. It does not contain the secret key, "
        "nor the archives and exports of jobs: restoring it cancels jobs that were unfinished."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            type=Path,
            metavar="FILE",
            help="The archive to write, such as site.tar, site.tar.gz or site.tar.zst.",
        )

    def handle(self, *, file: Path, **options) -> None:
        try:
            backup = back_up(file=file)
        except (ArchiveError, OSError, DatabaseError) as error:
            raise CommandError(f"The backup failed: {error}") from error
        for upload_id in backup.lost:
            self.stderr.write(f"Upload {upload_id} is missing a file and was saved without it. See: manage.py sweep")
        for version in backup.models_lost:
            self.stderr.write(f"The folder of the model {version} is missing and is not in the archive.")
        self.stdout.write(
            f"{file}: {backup.upload_count:,} uploads and {len(backup.model_folders)} models, "
            f"{size_in_words(file.stat().st_size)}."
        )
