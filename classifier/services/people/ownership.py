"""Owners: a signed-in user, or an anonymous visitor known by the session only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from classifier.models import Classifier, Job, LearntClass, Prediction, Upload, VisitorClaim

#: No request runs longer than this.
_LONGEST_REQUEST = timedelta(days=1)


@dataclass(frozen=True)
class Owner:
    """Exactly one of the two is set; a visitor who has uploaded nothing yet has neither, and owns nothing."""

    user: User | None = None
    visitor: UUID | None = None


def uploads_of(owner: Owner) -> QuerySet[Upload]:
    """The owner's uploads that have not expired."""
    return current_uploads().filter(belongs_to(owner))


def predictions_of(owner: Owner) -> QuerySet[Prediction]:
    """The owner's predictions with upload and model, newest first; none of an expired upload."""
    return with_details(current_predictions().order_by("-created_at", "-id")).filter(belongs_to(owner))


def classifiers_of(owner: Owner) -> QuerySet[Classifier]:
    """The owner's classifiers, newest first; none of a visitor whose session has expired."""
    found = Classifier.objects.filter(belongs_to(owner)).select_related("owner")
    return found.exclude(pk__in=expired_classifiers().values("pk"))


def learnt_classes_of(owner: Owner) -> QuerySet[LearntClass]:
    """The classes of the owner's classifiers, by classifier."""
    found = LearntClass.objects.filter(classifier__in=classifiers_of(owner).values("pk")).select_related("classifier")
    return found.order_by("classifier__name", "classifier", "position", "id")


def expired_classifiers() -> QuerySet[Classifier]:
    """Classifiers of visitors whose session has expired."""
    oldest = timezone.now() - timedelta(days=settings.ANONYMOUS_DAYS)
    return Classifier.objects.order_by().filter(visitor__isnull=False, created_at__lte=oldest)


def current_uploads() -> QuerySet[Upload]:
    """Everybody's uploads that have not expired."""
    return without_expired(Upload.objects.all(), upload="pk")


def current_predictions() -> QuerySet[Prediction]:
    """Everybody's predictions but those of expired uploads."""
    return without_expired(Prediction.objects.all(), upload="upload")


def without_expired(rows: QuerySet, *, upload: str) -> QuerySet:
    """The rows whose upload, named by the lookup `upload`, has not expired: an expired one waits to be deleted."""
    for expired in expired_uploads():
        # One subquery on an index of expiring uploads; few are expired at a time.
        rows = rows.exclude(**{f"{upload}__in": expired.values("pk")})
    return rows


def expired_uploads() -> tuple[QuerySet[Upload], QuerySet[Upload]]:
    """Uploads that have expired, and uploads of visitors whose session has expired; an upload may be in both."""
    now = timezone.now()
    uploads = Upload.objects.order_by()
    oldest = now - timedelta(days=settings.ANONYMOUS_DAYS)
    return uploads.filter(expires_at__lte=now), uploads.filter(visitor__isnull=False, created_at__lte=oldest)


def with_details(predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """The same with their uploads and models."""
    # A model's card is long, so it is read once for all rows instead of joined to each.
    return predictions.select_related("upload").prefetch_related("model_version__classifier")


def claimable(*, visitor: UUID) -> tuple[int, datetime | None]:
    """How many uploads a visitor has, and when the newest was uploaded."""
    found = uploads_of(Owner(visitor=visitor)).order_by().aggregate(count=Count("pk"), newest=Max("created_at"))
    return found["count"], found["newest"]


def claim(*, visitor: UUID, user: User) -> int:
    """Give a user what the same person uploaded before signing in; return how many uploads that was.

    Uploads that are being stored at this moment follow by `hand_over`.
    """
    VisitorClaim.objects.filter(created_at__lt=timezone.now() - _LONGEST_REQUEST).delete()
    # Commit the claim before moving: a request that stored too early to see it is moved below.
    VisitorClaim.objects.update_or_create(visitor=visitor, defaults={"user": user})
    return _give(visitor, user)


def hand_over(*, visitor: UUID) -> None:
    """Give a visitor's new uploads to the user, if the visitor has signed in since the upload began."""
    claimed = VisitorClaim.objects.filter(visitor=visitor).select_related("user").first()
    if claimed is not None:
        _give(visitor, claimed.user)


@transaction.atomic
def _give(visitor: UUID, user: User) -> int:
    Job.objects.filter(visitor=visitor).update(owner=user, visitor=None)
    Classifier.objects.filter(visitor=visitor).update(owner=user, visitor=None)
    Prediction.objects.filter(visitor=visitor).update(owner=user, visitor=None)
    return Upload.objects.filter(visitor=visitor).update(owner=user, visitor=None)


def belongs_to(owner: Owner) -> Q:
    """The condition on rows with the fields `owner` and `visitor`."""
    if owner.user is not None:
        return Q(owner=owner.user)
    if owner.visitor is not None:
        return Q(visitor=owner.visitor)
    return Q(pk__in=[])
