"""manage.py purge_expired: delete expired uploads."""

from django.core.management.base import BaseCommand

from classifier.services.history.retention import purge_expired


class Command(BaseCommand):
    help = "Delete expired uploads with their predictions and files. The running site does this by itself."

    def handle(self, **options) -> None:
        gone = purge_expired()
        self.stdout.write("One upload was deleted." if gone == 1 else f"{gone:,} uploads were deleted.")
