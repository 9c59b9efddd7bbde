"""manage.py housekeeping: run once by hand what the server does in the background."""

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from classifier.services.jobs.periodic import delete_expired_sessions
from classifier.services.jobs.storage import delete_old_jobs
from classifier.services.operations.sweep import OLD


class Command(BaseCommand):
    help = (
        "Delete expired uploads and sessions, and files without an upload. `manage.py worker` does this beside "
        "Gunicorn; run it by hand if there is no worker."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=float,
            default=OLD.total_seconds() / 60,
            metavar="MINUTES",
            help="Skip files younger than this, which may still be uploading (default: %(default)g).",
        )

    def handle(self, *, older_than: float, **options) -> None:
        call_command("purge_expired", stdout=self.stdout)
        expired = delete_expired_sessions()
        delete_old_jobs()
        self.stdout.write("One session was deleted." if expired == 1 else f"{expired:,} sessions were deleted.")
        call_command("sweep", older_than=older_than, stdout=self.stdout, stderr=self.stderr)
