"""Verify that a published model still has the files and predictions of its publication."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.models import ModelVersion
from classifier.services.models.publishing import verified_folder
from ml.artifacts import readers
from ml.artifacts.folder import ArtifactError
from ml.evaluation import metrics as evaluation
from ml.serving.inference import LoadedModel

logger = logging.getLogger(__name__)

SAMPLE = 500
#: Standard errors allowed between a sample and the card's accuracy; one in 16,000 unchanged models exceeds them.
_STANDARD_ERRORS = 4


@dataclass(frozen=True)
class Rescore:
    """How many test images of a sample the model gets right, beside the accuracy that its card states."""

    count: int
    accuracy: float
    stated: float


def verify_version(
    *, version: ModelVersion, data_dir: Path | None = None, warn: Callable[[str], None] = logger.warning
) -> Rescore | None:
    """Check the files and answers of a version's folder and, with a data set, score a sample of its test images.

    Raises ArtifactError, also where the sample's accuracy cannot be that of the card; ml.data.dataset.DatasetError.
    `warn` hears which files of the data set were skipped.
    """
    folder = verified_folder(version)
    stated = version.test_accuracy
    if data_dir is None or stated is None:
        return None
    model = LoadedModel(folder)
    dataset = readers.load_for(model.known_classes, model.card.input_shape[0], data_dir, warn=warn)
    chosen = np.random.default_rng(0).permutation(len(dataset.test.labels))[:SAMPLE]
    images, labels = dataset.test.take(chosen)
    right = evaluation.run(model.predict, model.prepare_all(images)).best(model.none_index) == labels
    found = Rescore(len(labels), float(right.mean()), stated)
    error = math.sqrt(max(stated * (1 - stated), 0.01) / len(labels))
    if abs(found.accuracy - stated) > _STANDARD_ERRORS * error:
        raise ArtifactError(
            f"{version} gets {found.accuracy:.1%} of {found.count} test images right, where its card says "
            f"{stated:.1%}. Is this the data set that it was trained on?"
        )
    return found
