"""Expiry of uploads: after the chosen days, or with the session of an anonymous visitor."""

from classifier.models import ModelVersion
from classifier.services.history.deletion import delete_classifiers, delete_uploads
from classifier.services.people.ownership import expired_classifiers, expired_uploads


def purge_expired() -> int:
    """Delete every upload that has expired, with its predictions and files; return how many uploads that was.

    Classifiers of visitors whose session has expired go, too; their predictions, which are younger, expire first.
    """
    deleted = sum(map(delete_uploads, expired_uploads()))
    in_use = ModelVersion.every.filter(classifier__isnull=False, predictions__isnull=False)
    return deleted + delete_classifiers(expired_classifiers().exclude(pk__in=in_use.values("classifier")))
