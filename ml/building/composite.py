"""Models of several networks: the one for photographs is written, and put together with one for thumbnails."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError, Card
from ml.building.pipeline import require_tensorflow
from ml.building.writing import library_versions
from ml.classes import without_none
from ml.confidence.calibration import Calibration
from ml.data.dataset import Dataset
from ml.evaluation import metrics as evaluation
from ml.networks import class_map
from ml.serving.inference import LoadedModel
from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS

if TYPE_CHECKING:
    import keras

#: What the network for photographs answers is more probably one of the classes than none of them.
_KNOWN_PROBABILITY = 0.5
_IMAGES_COMPARED = 16


def write_photograph_network(
    folder: Path,
    dataset: Dataset,
    *,
    size: int,
    weights: Path | None = None,
    learn_from: Path | None = None,
    report: Callable[[str], None],
) -> Card:
    """Write a model folder with the network for photographs of `size` pixels a side.

    dataset: thumbnails of the ten classes: the training images show what deer are, which ImageNet lacks, and on some
    validation images the two files are compared. learn_from: photographs that its head learns from, as
    `ml.building.photograph_learning` reads them; without them ImageNet's classes are summed. Raises WeightsMissing,
    ArtifactError (the folder is there already, or the data set has other classes), DatasetError, ExportError.
    """
    require_tensorflow()
    from ml.artifacts.export import export
    from ml.images.preprocessing import to_input
    from ml.networks.efficientnet_lite import WEIGHTS
    from ml.networks.photograph_network import FRAMING, backbone
    from ml.plots.architecture import save_network

    artifacts.check_free(folder)
    if dataset.class_names != without_none(class_map.PHOTOGRAPH_CLASSES):
        raise ArtifactError(
            f"The network for photographs knows {', '.join(without_none(class_map.PHOTOGRAPH_CLASSES))}; the data set "
            f"has {', '.join(dataset.class_names)}: they cannot be put together."
        )
    imagenet = backbone(size, weights)
    model, learnt = (
        _summed(imagenet, dataset, report) if learn_from is None else _taught(imagenet, dataset, learn_from, report)
    )
    pixels = np.stack(
        [
            to_input(Image.fromarray(image), size, size, FRAMING)
            for image in dataset.validation.images[:_IMAGES_COMPARED]
        ]
    )
    with artifacts.writing(folder) as temporary:
        report("export")
        compared = export(model, temporary, pixels)
        save_network(model, temporary)
        described = {"name": "ImageNet", "fingerprint": artifacts.sha256(weights or WEIGHTS)}
        return artifacts.save_card(
            temporary,
            Card(
                name=folder.name,
                architecture="efficientnet_lite0",
                class_names=class_map.PHOTOGRAPH_CLASSES,
                input_shape=(size, size, 3),
                parameter_count=model.count_params(),
                recipe={},
                seed=0,
                training={},
                export={**compared, "weights": "float16"},
                libraries=library_versions(),
                metrics={},
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                statistics=False,
                framing=asdict(FRAMING),
                **{**learnt, "dataset": {**described, **learnt["dataset"]}},
            ),
        )


#: A network, and what its card says of how it came to be: dataset, calibration and abstention.
_Learnt = tuple["keras.Model", dict[str, Any]]


def _summed(imagenet: "keras.Model", dataset: Dataset, report: Callable[[str], None]) -> _Learnt:
    from ml.networks.photograph_network import learn_deer, photograph_network

    report("learn what deer are")
    deer = learn_deer(imagenet, dataset.train, dataset.class_names.index(class_map.DEER))
    return photograph_network(imagenet, deer), {
        "dataset": {"deer_learnt_from": dataset.fingerprint},
        "calibration": asdict(Calibration(1.0)),
        "abstention": {
            "score": "known_probability",
            "coverage": None,
            "thresholds": {"known_probability": _KNOWN_PROBABILITY},
        },
    }


def _taught(imagenet: "keras.Model", dataset: Dataset, folder: Path, report: Callable[[str], None]) -> _Learnt:
    from ml.building import photograph_learning
    from ml.images.preprocessing import to_input
    from ml.networks.photograph_network import FRAMING, corrected_network

    report("learn from photographs")
    height, width = imagenet.input_shape[1:3]
    backbone = photograph_learning.Backbone(imagenet, lambda picture: to_input(picture, height, width, FRAMING))
    taught = photograph_learning.teach(backbone, folder, dataset.train)
    return corrected_network(imagenet, taught.head), {
        "dataset": {"thumbnails_learnt_from": dataset.fingerprint, "learnt_from": taught.figures},
        "calibration": asdict(Calibration(taught.temperature)),
        "abstention": {
            "score": "maximum_probability",
            "coverage": photograph_learning.COVERAGE,
            "thresholds": {"maximum_probability": taught.threshold},
        },
    }


def combine(
    folder: Path,
    *,
    thumbnails: Path,
    photographs: Path,
    dataset: Dataset,
    report: Callable[[str], None],
) -> Card:
    """Write a model folder that holds both networks.

    dataset: that of the network for thumbnails; the whole is evaluated on it. Raises ArtifactError.
    """
    artifacts.check_free(folder)
    sources = {THUMBNAILS: thumbnails, PHOTOGRAPHS: photographs}
    cards = {name: artifacts.verify(source) for name, source in sources.items()}
    _check_classes(cards)
    with artifacts.writing(folder) as temporary:
        for name, source in sources.items():
            shutil.copytree(source, temporary / name, ignore=shutil.ignore_patterns(*artifacts.MADE_LATER))
        card = artifacts.save_card(temporary, _card(folder.name, cards, dataset))
        report("evaluate")
        model = LoadedModel(temporary)
        splits = {"validation": dataset.reporting, "test": dataset.test}
        metrics = {name: _evaluate(model, *split) for name, split in splits.items()}
        return artifacts.save_card(temporary, replace(card, metrics=metrics))


def _check_classes(cards: dict[str, Card]) -> None:
    if cards[THUMBNAILS].class_names != without_none(cards[PHOTOGRAPHS].class_names):
        raise ArtifactError(
            f"{cards[THUMBNAILS].name} and {cards[PHOTOGRAPHS].name} know other classes: they cannot be put together."
        )


def _evaluate(model: LoadedModel, images: np.ndarray, labels: np.ndarray) -> dict:
    answers = evaluation.run(model.answer, model.see_all(images))
    return evaluation.assess(answers, labels, model.class_names).as_dict()


def _card(name: str, cards: dict[str, Card], dataset: Dataset) -> Card:
    first = cards[THUMBNAILS]
    trained_on = first.dataset
    if dataset.fingerprint != trained_on["fingerprint"]:
        # The figures are not of the data set that the network for thumbnails was trained on.
        trained_on = {**trained_on, "evaluated_on": {"name": dataset.name, "fingerprint": dataset.fingerprint}}
    return Card(
        name=name,
        architecture=" + ".join(card.architecture for card in cards.values()),
        class_names=cards[PHOTOGRAPHS].class_names,
        input_shape=first.input_shape,
        parameter_count=sum(card.parameter_count for card in cards.values()),
        recipe={},
        seed=0,
        dataset=trained_on,
        training={},
        export={},
        libraries=library_versions(),
        metrics={},
        calibration={},
        abstention={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        statistics=False,
        networks={network: _summary(card) for network, card in cards.items()},
    )


def _summary(card: Card) -> dict:
    """What the page of a prediction says of the network that answered."""
    return {
        "name": card.name,
        "architecture": card.architecture,
        "input_shape": card.input_shape,
        "framing": card.framing,
        "parameter_count": card.parameter_count,
        "digest": card.digest,
        "dataset": card.dataset["name"],
    }
