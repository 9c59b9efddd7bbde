"""Write the folder of the network for photographs, with or without a head trained on photographs."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError, Card
from ml.building.pipeline import require_tensorflow
from ml.building.writing import library_versions
from ml.classes import without_none
from ml.confidence.calibration import Calibration
from ml.data.dataset import Dataset
from ml.networks import class_map

if TYPE_CHECKING:
    import keras

#: The threshold without photographs to train on: the classes are more probable than none of them.
_KNOWN_PROBABILITY = 0.5
_IMAGES_COMPARED = 16


def write(
    folder: Path,
    dataset: Dataset,
    *,
    size: int,
    weights: Path | None = None,
    learn_from: Path | None = None,
    report: Callable[[str], None],
) -> Card:
    """Write a model folder with the network for photographs of `size` pixels a side.

    learn_from: photographs that its head learns from, as `ml.building.photograph_examples` reads them; without them
    ImageNet's classes are summed. dataset: thumbnails of the ten classes, from which the head learns too; without
    photographs the two files are compared on some of them. Raises WeightsMissing, ArtifactError (the folder is there
    already, or the data set has other classes), DatasetError, ExportError.
    """
    require_tensorflow()
    from ml.artifacts.export import export
    from ml.networks.efficientnet_lite import FINGERPRINT
    from ml.networks.photograph_network import FRAMING, backbone
    from ml.plots.architecture import save_network

    artifacts.check_free(folder)
    if dataset.class_names != without_none(class_map.PHOTOGRAPH_CLASSES):
        raise ArtifactError(
            f"The network for photographs knows {', '.join(without_none(class_map.PHOTOGRAPH_CLASSES))}; the data set "
            f"has {', '.join(dataset.class_names)}: they cannot be put together."
        )
    imagenet = backbone(size, weights)
    learnt = _summed(imagenet, dataset) if learn_from is None else _taught(imagenet, dataset, learn_from, report)
    with artifacts.writing(folder) as temporary:
        report("export")
        compared = export(learnt.model, temporary, *learnt.compared)
        save_network(learnt.model, temporary)
        described = {"name": "ImageNet", "fingerprint": artifacts.sha256(weights) if weights else FINGERPRINT}
        return artifacts.save_card(
            temporary,
            Card(
                name=folder.name,
                architecture="efficientnet_lite0",
                class_names=class_map.PHOTOGRAPH_CLASSES,
                input_shape=(size, size, 3),
                parameter_count=learnt.model.count_params(),
                recipe={},
                seed=0,
                training={},
                export={**compared, "weights": "float16"},
                libraries=library_versions(),
                metrics={},
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                statistics=False,
                framing=asdict(FRAMING),
                dataset={**described, **learnt.dataset},
                calibration=asdict(Calibration(learnt.temperature)),
                abstention=learnt.abstention,
            ),
        )


class _Learnt(NamedTuple):
    """A network, the images (with labels, if known) for comparing its graphs, and entries of its card."""

    model: "keras.Model"
    compared: tuple[np.ndarray, ...]
    dataset: dict[str, Any]
    temperature: float
    abstention: dict[str, Any]


def _summed(imagenet: "keras.Model", dataset: Dataset) -> _Learnt:
    """Sum ImageNet's classes into ours, without a correction."""
    thumbnails = dataset.validation.images[:_IMAGES_COMPARED]
    images = np.stack([_to_pixels(imagenet, Image.fromarray(image)) for image in thumbnails])
    abstention = {
        "score": "known_probability",
        "coverage": None,
        "thresholds": {"known_probability": _KNOWN_PROBABILITY},
    }
    return _Learnt(_uncorrected(imagenet), (images,), {}, 1.0, abstention)


def _taught(imagenet: "keras.Model", dataset: Dataset, folder: Path, report: Callable[[str], None]) -> _Learnt:
    from ml.artifacts.export import graph_to_serve
    from ml.building import photograph_examples, photograph_learning
    from ml.networks.photograph_network import corrected_network

    report("measure ranges on photographs")
    to_pixels = partial(_to_pixels, imagenet)
    sample = photograph_examples.sample(folder, to_pixels)
    graph = graph_to_serve(_uncorrected(imagenet), sample[0])
    report("learn from photographs")
    taught = photograph_learning.teach(photograph_examples.Backbone(graph, to_pixels), folder, dataset.train)
    return _Learnt(
        corrected_network(imagenet, taught.head),
        sample,
        {"thumbnails_learnt_from": dataset.fingerprint, "learnt_from": taught.figures},
        taught.temperature,
        {
            "score": "maximum_probability",
            "coverage": photograph_learning.COVERAGE,
            "thresholds": {"maximum_probability": taught.threshold},
        },
    )


def _uncorrected(imagenet: "keras.Model") -> "keras.Model":
    from ml.networks.photograph_head import Head
    from ml.networks.photograph_network import corrected_network

    features = imagenet.get_layer("features").output.shape[-1]
    return corrected_network(imagenet, Head.without_correction(features, len(class_map.PHOTOGRAPH_CLASSES)))


def _to_pixels(network: "keras.Model", picture: Image.Image) -> np.ndarray:
    from ml.images.preprocessing import to_input
    from ml.networks.photograph_network import FRAMING

    height, width = network.input_shape[1:3]
    return to_input(picture, height, width, FRAMING)
