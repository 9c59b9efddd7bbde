"""Which images of a classifier to label next."""

import numpy as np

from classifier.models import Classifier, Example, Head
from classifier.services.classifiers.features import vectors_of
from ml.heads import labels
from ml.heads.head import Head as LoadedHead


def most_useful_first(*, classifier: Classifier, examples: list[Example]) -> list[Example]:
    """Sort images without a class: those between two classes come first for the version in use.

    One image of each group of copies, and every tenth at random; the other copies come last. Without a version, or if
    it cannot be loaded, the order stays.
    """
    row = Head.objects.filter(version__classifier=classifier, version__active=True).first()
    if row is None or not examples:
        return examples
    try:
        head = LoadedHead.load(bytes(row.content))
    except ValueError:
        return examples
    vectors = vectors_of(upload_ids=[example.upload_id for example in examples], backbone=row.backbone)
    known = [example for example in examples if example.upload_id in vectors]
    if not known:
        return examples
    probabilities = head.predict(np.stack([vectors[example.upload_id] for example in known])).probabilities
    order = labels.queue(probabilities, np.array([example.group for example in known]))
    queue = [known[place] for place in order.tolist()]
    queued = {example.pk for example in queue}
    return [*queue, *(example for example in examples if example.pk not in queued)]
