"""manage.py restore: restore a site from an archive of `manage.py backup`."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from classifier.services.operations.archive import ArchiveError
from classifier.services.operations.restore import SiteNotEmpty, restore


class Command(BaseCommand):
    help = (
        "Restore the database, the uploads and the models from an archive made by `manage.py backup`. The whole "
        "archive is checked first, and an archive of an older version is migrated. Jobs that were unfinished are "
        "cancelled; send their archives again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--force", action="store_true", help="Replace everything on this site: accounts, uploads and models."
        )

    def handle(self, *, file: Path, force: bool, **options) -> None:
        try:
            manifest = restore(file=file, force=force)
        except SiteNotEmpty:
            raise CommandError(
                "This site already has accounts or uploads, which restoring would replace. Back them up first, "
                "then use --force."
            ) from None
        except (ArchiveError, OSError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {manifest.uploads:,} uploads as of {manifest.created_at}.")
