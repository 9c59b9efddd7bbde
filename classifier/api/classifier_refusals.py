"""What the API answers to what cannot be done with a classifier."""

from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail, ValidationError

from classifier.models import ModelVersion
from classifier.presentation.classifier_versions import refusals
from classifier.services.classifiers.failures import (
    BadClassName,
    ClassifierError,
    GateRefuses,
    explain_classifier_error,
)
from classifier.services.classifiers.training import comparison_of


def classifier_refusal(error: ClassifierError, field: str) -> ValidationError:
    """Return the error as an exception of the API: 400 for a bad name, 409 for what stands in the way."""
    refusal = ValidationError({field: explain_classifier_error(error)}, error.code)
    if not isinstance(error, BadClassName):
        refusal.status_code = 409
    return refusal


def gate_refusal(error: GateRefuses, version: ModelVersion) -> ValidationError:
    """Return what broke, each with its code, and what to do about it, as an exception with the status 409."""
    comparison = comparison_of(version)
    broken = list(zip(comparison.reasons, refusals(comparison))) if comparison else []
    details = [ErrorDetail(text, code) for (code, _name), text in broken]
    refusal = ValidationError(
        {"version": details, "reason": [ErrorDetail(explain_classifier_error(error), error.code)]}
    )
    refusal.status_code = 409
    return refusal


NOT_THERE = gettext_lazy("The classifier has no such class.")
