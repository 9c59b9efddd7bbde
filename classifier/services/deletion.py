"""Delete uploads with everything that hangs on them; their files go when the deletion is committed."""

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from classifier.models import Prediction, Upload
from classifier.services.ownership import Owner, uploads_of


def delete_prediction(*, prediction: Prediction) -> None:
    """Delete a prediction with its upload, the upload's other predictions and its files."""
    prediction.upload.delete()


def delete_predictions(*, predictions: QuerySet[Prediction]) -> int:
    """Delete these predictions with their uploads; return how many uploads that was."""
    return delete_uploads(Upload.objects.filter(pk__in=predictions.values("upload")))


def delete_everything(*, owner: Owner) -> int:
    """Delete all that the owner has uploaded; return how many uploads that was."""
    return delete_uploads(uploads_of(owner))


def delete_account(*, user: AbstractBaseUser) -> None:
    """Delete a person's account with every upload, prediction, correction and file of theirs."""
    user.delete()


def delete_uploads(uploads: QuerySet[Upload]) -> int:
    """Delete uploads with their predictions and files; return how many they were."""
    _total, by_model = uploads.delete()
    return by_model.get(Upload._meta.label, 0)
