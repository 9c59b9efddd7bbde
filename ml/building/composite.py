"""Put a network for thumbnails and one for photographs into one model folder."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError, Card
from ml.building.writing import library_versions
from ml.classes import without_none
from ml.data.dataset import Dataset, Split
from ml.evaluation import metrics as evaluation
from ml.serving.inference import LoadedModel
from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS

if TYPE_CHECKING:
    pass


def combine(
    folder: Path,
    *,
    thumbnails: Path,
    photographs: Path,
    dataset: Dataset,
    report: Callable[[str], None],
) -> Card:
    """Write a model folder with both networks.

    dataset: of the network for thumbnails; the model is evaluated on it. Raises ArtifactError.
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
        metrics = {name: _evaluate(model, split) for name, split in splits.items()}
        return artifacts.save_card(temporary, replace(card, metrics=metrics))


def _check_classes(cards: dict[str, Card]) -> None:
    if cards[THUMBNAILS].class_names != without_none(cards[PHOTOGRAPHS].class_names):
        raise ArtifactError(
            f"{cards[THUMBNAILS].name} and {cards[PHOTOGRAPHS].name} know other classes: they cannot be put together."
        )


def _evaluate(model: LoadedModel, split: Split) -> dict[str, Any]:
    predictions = evaluation.run(model.predict, model.prepare_all(split.images))
    return evaluation.assess(predictions, split.labels, model.class_names).as_dict()


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
    """The part of a network's card that a prediction's page shows."""
    return {
        "name": card.name,
        "architecture": card.architecture,
        "input_shape": card.input_shape,
        "framing": card.framing,
        "parameter_count": card.parameter_count,
        "digest": card.digest,
        "dataset": card.dataset["name"],
    }
