"""Reasons not to activate a model: it is worse than the active one, or hardly tested."""

import math

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from classifier.models import ModelVersion
from classifier.services.models.measurements import percent
from ml.evaluation.metrics import FEWEST_FOR_CALIBRATION

#: The 95% quantile of the normal distribution.
_PROVEN = 1.959964


def activation_doubts(version: ModelVersion) -> list[str]:
    """Return the reasons to ask for confirmation before activating this version; empty if there are none."""
    test = version.card["metrics"].get("test")
    if not test:
        return [_("%(version)s has not been tested.") % {"version": version}]
    doubts = []
    if test["count"] < FEWEST_FOR_CALIBRATION:
        low, high = (percent(share, 1) for share in test["interval"])
        said = ngettext(
            "%(version)s was tested on only %(count)s image: its accuracy is between %(low)s and %(high)s.",
            "%(version)s was tested on only %(count)s images: its accuracy is between %(low)s and %(high)s.",
            test["count"],
        )
        doubts.append(said % {"version": version, "count": test["count"], "low": low, "high": high})
    active = ModelVersion.objects.filter(active=True).exclude(pk=version.pk).first()
    if active and _proven_worse(version, active):
        accuracies = {"accuracy": percent(test["accuracy"], 1), "other": percent(active.test_accuracy or 0, 1)}
        said = _(
            "%(version)s is less accurate than %(active)s on the same test images: %(accuracy)s against %(other)s."
        )
        doubts.append(said % {"version": version, "active": active, **accuracies})
    return doubts


def _proven_worse(version: ModelVersion, active: ModelVersion) -> bool:
    """Whether a test of two proportions, on the same data set, shows that the version is worse."""
    new, old = version.whole_card, active.whole_card
    tests = [test for card in (new, old) if (test := card.metrics.get("test"))]
    if len(tests) < 2 or new.tested_on.get("fingerprint") != old.tested_on.get("fingerprint"):
        return False
    (right, count), (other_right, other_count) = ((test["accuracy"] * test["count"], test["count"]) for test in tests)
    pooled = (right + other_right) / (count + other_count)
    error = math.sqrt(pooled * (1 - pooled) * (1 / count + 1 / other_count))
    return (other_right / other_count - right / count) > _PROVEN * error
