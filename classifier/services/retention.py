"""Uploads that were to be kept for a while only, and go when it is over."""

from django.utils import timezone

from classifier.models import Upload
from classifier.services.deletion import delete_uploads

#: For how many days a person may have an upload kept, the longest first.
PERIODS = (30, 7, 1)
#: So many are deleted in one transaction: others that write need not wait long.
_BATCH = 200


def purge_expired() -> int:
    """Delete every upload whose time is over, with its predictions and files; return how many uploads that was."""
    gone = 0
    over = Upload.objects.order_by("expires_at").filter(expires_at__lte=timezone.now())
    while expired := list(over.values_list("pk", flat=True)[:_BATCH]):
        gone += delete_uploads(Upload.objects.filter(pk__in=expired))
    return gone
