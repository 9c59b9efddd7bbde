"""Corrections by users: each is stored and can be undone."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier.models import Correction, Prediction
from ml.classes import NONE_CLASS


class UnknownLabel(ValueError):
    """The model does not have this class."""


class NothingToUndo(ValueError):
    """The prediction has no correction that counts."""


def labels_of(prediction: Prediction) -> tuple[str, ...]:
    """The labels that a correction may have: the model's classes and “none of them”."""
    return (*prediction.model_version.known_classes, NONE_CLASS)


@transaction.atomic
def correct(*, prediction: Prediction, label: str, user: User | None) -> Correction:
    """Record the right class of an upload and return the correction in effect; the same label again changes nothing.

    user: who corrects, None for an anonymous owner. Raises UnknownLabel, and
    Prediction.DoesNotExist if the prediction was deleted in between.
    """
    if label not in labels_of(prediction):
        raise UnknownLabel(f"{label!r} is not one of: {', '.join(labels_of(prediction))}.")
    _lock(prediction)
    current = _current(prediction)
    if current is None or current.label != label:
        current = Correction.objects.create(prediction=prediction, label=label, user=user)
    _apply(prediction, current)
    return current


@transaction.atomic
def undo_correction(*, prediction: Prediction) -> Correction | None:
    """Undo the correction in effect and return the one before it, which takes effect again.

    Raises NothingToUndo, and Prediction.DoesNotExist if it was deleted in between.
    """
    _lock(prediction)
    current = _current(prediction)
    if current is None:
        raise NothingToUndo("There is no correction to undo.")
    current.undone_at = timezone.now()
    current.save(update_fields=["undone_at"])
    earlier = _current(prediction)
    _apply(prediction, earlier)
    return earlier


def _lock(prediction: Prediction) -> None:
    """Serialise corrections of one prediction."""
    Prediction.objects.select_for_update().only("pk").get(pk=prediction.pk)


def _current(prediction: Prediction) -> Correction | None:
    return prediction.corrections.filter(undone_at=None).order_by("-id").first()


def _apply(prediction: Prediction, correction: Correction | None) -> None:
    prediction.corrected_class = correction.label if correction else ""
    prediction.was_right = correction.label == prediction.answer if correction else None
    prediction.save(update_fields=["corrected_class", "was_right"])
