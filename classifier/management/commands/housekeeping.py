"""manage.py housekeeping: run once by hand what the server does in the background."""

from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from classifier.services.operations.sweep import OLD


class Command(BaseCommand):
    help = (
        "Delete expired uploads and sessions, and files that belong to no upload. Gunicorn does so in the background; "
        "run this by hand, or from cron under another server."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=float,
            default=OLD.total_seconds() / 60,
            metavar="MINUTES",
            help="Spare files that are younger: uploads on their way (default: %(default)g).",
        )

    def handle(self, *, older_than: float, **options) -> None:
        call_command("purge_expired", stdout=self.stdout)
        expired = Session.objects.filter(expire_date__lt=timezone.now()).count()
        call_command("clearsessions")
        self.stdout.write("One session was deleted." if expired == 1 else f"{expired:,} sessions were deleted.")
        call_command("sweep", older_than=older_than, stdout=self.stdout, stderr=self.stderr)
