"""Delete uploads with all dependent rows; their files are deleted on commit."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import ProtectedError, QuerySet

from classifier.models import Classifier, Example, Job, ModelVersion, Prediction, Pupil, Upload
from classifier.services.operations.file_deletion import deleted_together
from classifier.services.people.ownership import Owner, belongs_to, uploads_of

#: Rows deleted per transaction, few so that other writers need not wait long.
_BATCH = 200


def delete_prediction(*, prediction: Prediction) -> None:
    """Delete a prediction with its upload, the upload's other predictions and its files."""
    delete_uploads(Upload.objects.filter(pk=prediction.upload_id))


def delete_predictions(*, predictions: QuerySet[Prediction]) -> int:
    """Delete these predictions with their uploads; return the number of uploads."""
    return delete_uploads(Upload.objects.filter(pk__in=predictions.values("upload")))


def delete_everything(*, owner: Owner) -> int:
    """Delete all uploads, classifiers and jobs of the owner; return the number of uploads."""
    # A job that runs would store more.
    Job.objects.filter(belongs_to(owner)).delete()
    deleted = delete_uploads(uploads_of(owner))
    return deleted + delete_classifiers(Classifier.objects.filter(belongs_to(owner)))


def delete_account(*, user: User) -> None:
    """Delete an account with all its uploads, predictions, corrections and files, and a teacher's with its pupils."""
    for group in user.pupil_groups.all():
        delete_pupils(pupils=group.pupils.all())
        group.delete()
    Job.objects.filter(owner=user).delete()
    delete_uploads(Upload.objects.filter(owner=user))
    delete_classifiers(Classifier.objects.filter(owner=user))
    # Uploads being stored at this moment are deleted with the account.
    with transaction.atomic():
        # A request that stores something for the account waits, and fails once the account is gone.
        get_user_model().objects.select_for_update().filter(pk=user.pk).first()
        _lock(Upload.objects.filter(owner=user))
        user.delete()


def delete_pupils(*, pupils: QuerySet[Pupil]) -> int:
    """Delete pupils with everything that is theirs; return how many they were."""
    # One that is signed in would store more.
    get_user_model().objects.filter(pupil__in=pupils).update(is_active=False)
    deleted = 0
    for user in get_user_model().objects.filter(pupil__in=list(pupils.values_list("pk", flat=True))):
        delete_account(user=user)
        deleted += 1
    return deleted


def delete_uploads(uploads: QuerySet[Upload]) -> int:
    """Delete uploads with their predictions and files, in batches; return how many they were.

    What a failure leaves is deleted when the same is asked for again.
    """
    deleted = 0
    while batch := list(uploads.order_by().values_list("pk", flat=True)[:_BATCH]):
        with deleted_together():
            deleted += _delete(Upload.objects.filter(pk__in=batch))
    return deleted


def delete_classifiers(classifiers: QuerySet[Classifier]) -> int:
    """Delete classifiers with their examples, their versions and the predictions of these, in batches; return the
    number of uploads that went with them.

    An upload stays while another classifier has it for an example, or another model has classified it. What a failure
    leaves is deleted when the same is asked for again.
    """
    deleted = 0
    for pk in list(classifiers.order_by().values_list("pk", flat=True)):
        versions = ModelVersion.every.filter(classifier=pk).values("pk")
        while True:
            # A job that runs would store more.
            Job.objects.filter(model_version__in=versions).delete()
            deleted += _delete_in_batches(Example.objects.filter(classifier=pk))
            deleted += _delete_in_batches(Prediction.objects.filter(model_version__in=versions))
            try:
                Classifier.objects.filter(pk=pk).delete()
                break
            except ProtectedError:
                # A prediction was stored in between.
                continue
    return deleted


def _delete_in_batches(rows: QuerySet[Example] | QuerySet[Prediction]) -> int:
    """Delete rows, and the uploads that nothing else has; return how many uploads these were."""
    deleted = 0
    while batch := dict(rows.order_by().values_list("pk", "upload")[:_BATCH]):
        rows.model._base_manager.filter(pk__in=list(batch)).delete()
        alone = Upload.objects.filter(pk__in=list(batch.values()), predictions=None, examples=None)
        deleted += delete_uploads(alone)
    return deleted


@transaction.atomic
def _delete(uploads: QuerySet[Upload]) -> int:
    _lock(uploads)
    _total, by_model = uploads.delete()
    return by_model.get(Upload._meta.label, 0)


def _lock(uploads: QuerySet[Upload]) -> None:
    """Lock the predictions against corrections, so that Django deletes everything that it collected.

    On SQLite the transaction itself excludes other writers.
    """
    if connection.features.has_select_for_update:
        list(Prediction.objects.select_for_update().filter(upload__in=uploads).values_list("pk"))
