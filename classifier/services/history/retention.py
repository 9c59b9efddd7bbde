"""Expiry of uploads: after the chosen days, or with the session of an anonymous visitor."""

from classifier.services.history.deletion import delete_uploads
from classifier.services.people.ownership import expired_classifiers, expired_uploads


def purge_expired() -> int:
    """Delete every upload that has expired, with its predictions and files; return how many uploads that was.

    Classifiers of visitors whose session has expired go, too.
    """
    expired_classifiers().delete()
    return sum(map(delete_uploads, expired_uploads()))
