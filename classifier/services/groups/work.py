"""What the pupils of a group have done, for their teacher."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from classifier.models import Classifier, Prediction, Pupil, PupilGroup, Upload
from classifier.services.groups.teaching import groups_of
from classifier.services.people.ownership import current_predictions, current_uploads, with_details


def pupils_with_counts(group: PupilGroup) -> QuerySet[Pupil]:
    """The pupils by nickname, with `upload_count`, `correction_count` and `classifier_count`."""
    corrected = Prediction.objects.filter(was_right__isnull=False)
    return group.pupils.select_related("user").annotate(
        upload_count=_count(current_uploads()),
        correction_count=_count(corrected),
        classifier_count=_count(Classifier.objects.all()),
    )


def predictions_of_group(group: PupilGroup) -> QuerySet[Prediction]:
    """The predictions of all pupils, with upload, model and pupil, newest first."""
    found = with_details(current_predictions().order_by("-created_at", "-id"))
    return found.filter(owner__pupil__group=group).select_related("upload", "owner__pupil")


def uploads_of_pupils(teacher: User | AnonymousUser) -> QuerySet[Upload]:
    """The uploads of all pupils of a teacher; none without the permission."""
    return current_uploads().filter(owner__pupil__group__in=groups_of(teacher))


def _count(rows: QuerySet[Model]) -> Coalesce:
    own = rows.filter(owner=OuterRef("user")).order_by().values("owner")
    return Coalesce(Subquery(own.annotate(count=Count("pk")).values("count")), 0)
