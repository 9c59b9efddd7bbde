"""Promote a version, or go back to an earlier one, unless the comparison speaks against it."""

from django.contrib.auth.models import User
from django.db import transaction

from classifier.models import ModelVersion
from classifier.services.classifiers.comparing import record_override
from classifier.services.classifiers.failures import GateRefuses
from classifier.services.classifiers.training import activate_version, comparison_of


@transaction.atomic
def promote(*, version: ModelVersion, reason: str, user: User | None) -> None:
    """Activate a version of a classifier. Raises GateRefuses for one that the gate refused, unless a reason is given.

    A version that was active before needs none: going back to it is always possible.
    """
    comparison = comparison_of(version)
    if comparison is not None and comparison.reasons and version.activated_at is None:
        if not reason.strip():
            raise GateRefuses
        record_override(version=version, reason=reason.strip(), user=user)
    activate_version(version=version)
