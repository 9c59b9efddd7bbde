"""Index the training images of a model."""

from collections.abc import Callable
from pathlib import Path

from ml.artifacts import readers
from ml.data.dataset import Dataset, DatasetError, Progress
from ml.serving import neighbours
from ml.serving.inference import LoadedModel


def build_index(
    *, folder: Path, data_dir: Path | None, progress: Callable[[], Progress | None], warn: Callable[[str], None]
) -> tuple[neighbours.Index, Dataset]:
    """Write the index into the model's folder; return it and the data set. Raises ArtifactError, DatasetError.

    data_dir: the model's training set; by default CIFAR10_DIR, or a download. progress: makes that of each step.
    """
    model = LoadedModel(folder)
    height, width, _channels = model.card.input_shape
    if height != width:
        raise DatasetError(f"The model takes images of {height} x {width} pixels; data sets are read as squares.")
    dataset = readers.load_for(model.known_classes, height, data_dir, progress=progress(), warn=warn)
    return neighbours.build(folder, dataset, progress=progress()), dataset
