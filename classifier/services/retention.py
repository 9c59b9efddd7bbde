"""Uploads that expire: after the days that were chosen, or with the session of an anonymous visitor."""

from classifier.models import Upload
from classifier.services.deletion import delete_uploads
from classifier.services.ownership import expired_uploads

#: For how many days a person may have an upload kept, the longest first.
PERIODS = (30, 7, 1)
#: So many are deleted in one transaction: others that write need not wait long.
_BATCH = 200


def purge_expired() -> int:
    """Delete every upload that has expired, with its predictions and files; return how many uploads that was."""
    gone = 0
    for expired in expired_uploads():
        while batch := list(expired.values_list("pk", flat=True)[:_BATCH]):
            gone += delete_uploads(Upload.objects.filter(pk__in=batch))
    return gone
