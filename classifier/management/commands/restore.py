"""manage.py restore: restore a site from an archive of `manage.py backup`."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.services.operations.archive import ArchiveError
from classifier.services.operations.restore import SiteNotEmpty, restore


class Command(BaseCommand):
    help = (
        "Restore the database, the uploads and the models from an archive made by `manage.py backup`. The whole "
        "archive is checked first; one of an older version is brought up to date."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="Replace what this site has: accounts, uploads, all.")

    def handle(self, *, file: Path, force: bool, **options) -> None:
        try:
            manifest = restore(file=file, force=force)
        except SiteNotEmpty:
            raise CommandError(
                "This site has accounts or uploads already, which restoring would replace. Make a backup of them, and "
                "then say --force."
            ) from None
        except (ArchiveError, OSError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {manifest.uploads:,} uploads as of {manifest.created_at}.")
