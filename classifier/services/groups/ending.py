"""The end of a group, or of one pupil: a summary first, then everything is deleted in batches."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from classifier.models import Classifier, Job, Prediction, Pupil, PupilGroup, Upload
from classifier.services.groups.teaching import close_joining
from classifier.services.history.deletion import delete_pupils


@dataclass(frozen=True)
class Summary:
    """What is deleted with some pupils."""

    pupils: int
    uploads: int
    stored_bytes: int
    predictions: int
    corrections: int
    classifiers: int
    jobs: int


def summary_of(pupils: QuerySet[Pupil]) -> Summary:
    own = {"owner__pupil__in": pupils.order_by()}
    uploads = Upload.objects.filter(**own).aggregate(count=Count("pk"), size=Sum("size"))
    corrected = Count("pk", filter=Q(was_right__isnull=False))
    predictions = Prediction.objects.filter(**own).aggregate(count=Count("pk"), corrected=corrected)
    return Summary(
        pupils=pupils.count(),
        uploads=uploads["count"],
        stored_bytes=uploads["size"] or 0,
        predictions=predictions["count"],
        corrections=predictions["corrected"],
        classifiers=Classifier.objects.filter(**own).count(),
        jobs=Job.objects.filter(**own).count(),
    )


def delete_group(*, group: PupilGroup) -> int:
    """Delete a group with its pupils and everything that is theirs; return how many pupils they were.

    What a failure leaves is deleted when the same is asked for again.
    """
    close_joining(group=group)
    deleted = delete_pupils(pupils=group.pupils.all())
    group.delete()
    return deleted


def delete_pupil(*, pupil: Pupil) -> None:
    delete_pupils(pupils=Pupil.objects.filter(pk=pupil.pk))
