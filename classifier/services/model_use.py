"""Who uses a model: how often it has answered, counted no further than anyone wants to know."""

from classifier.models import ModelVersion

#: A page that anyone may open must not count a million rows.
MOST_COUNTED = 10_000


def prediction_count(version: ModelVersion) -> int:
    """How many predictions the version has made, MOST_COUNTED + 1 for any number above that."""
    return version.predictions.order_by()[: MOST_COUNTED + 1].count()
