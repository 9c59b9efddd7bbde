"""A published version as its page shows it: sentences, figures, curves and plots."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.utils.safestring import SafeString

from classifier.models import ModelVersion
from classifier.presentation.charts import reliability, training_curves
from classifier.presentation.confusion import Confusion, confusion
from classifier.presentation.model_description import description
from classifier.presentation.model_figures import figures, shows_calibration
from classifier.presentation.model_pictures import PLOTS, Plot, ShownMistake
from classifier.services.models.downloads import ModelFile, downloads
from classifier.services.models.measurements import data_set, photographs_were_used
from classifier.services.models.model_use import (
    MOST_COUNTED,
    VolunteeredAccuracy,
    median_milliseconds,
    prediction_count,
    volunteered_accuracy,
)
from classifier.storages.model_folders import own_or_at_hand
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError, Card
from ml.artifacts.mistakes import load_mistakes
from ml.confidence.calibration import ReliabilityBin

#: The plots shown as images; the page draws the others itself, in the reader's language and colours.
_SHOWN = ("network",)


@dataclass(frozen=True)
class VersionPage:
    version: ModelVersion

    @cached_property
    def card(self) -> Card:
        return self.version.whole_card

    @cached_property
    def folder(self) -> Path:
        return own_or_at_hand(self.version.path, self.version.digest)

    @property
    def sentences(self) -> list[str]:
        return description(self.card)

    @cached_property
    def network_cards(self) -> list[Card]:
        """The cards of its networks, or its own; none that cannot be read."""
        found = []
        for network in self.card.network_folders:
            with suppress(ArtifactError):
                found.append(artifacts.load_network_card(self.folder, self.card, network))
        return found

    @property
    def figures(self) -> list[tuple[str, str]]:
        return figures(self.card, self.photographs)

    @cached_property
    def photographs(self) -> dict[str, Any] | None:
        """The figures that `manage.py evaluate --photos` stored; None if it was never run."""
        try:
            return artifacts.load_evaluation(self.folder, "photographs")
        except (OSError, ValueError):
            return None

    @property
    def photographs_were_used(self) -> str | None:
        """Why the figures on photos are not an independent test; None if they are."""
        return photographs_were_used(self.card, self.photographs) if self.photographs else None

    @property
    def networks(self) -> list[tuple[str, str]]:
        """Each network, "" in a model of one, with its architecture."""
        if not self.card.networks:
            return [("", self.card.architecture)]
        return [(name, network["architecture"]) for name, network in self.card.networks.items()]

    @property
    def serving_bytes(self) -> int | None:
        """The size of the graphs that answer; None if the folder cannot be read."""
        try:
            return sum(
                (self.folder / network / artifacts.LITERT_FILE).stat().st_size for network in self.card.network_folders
            )
        except OSError:
            return None

    @cached_property
    def median_milliseconds(self) -> float | None:
        """The median time of some predictions of the network; None before the first."""
        return median_milliseconds(self.version)

    @property
    def test(self) -> dict:
        return self.card.metrics.get("test", {})

    @property
    def data_set(self) -> str:
        return data_set(self.card)

    @property
    def shows_calibration(self) -> bool:
        """Whether enough images were tested for figures of calibration."""
        return shows_calibration(self.card)

    @cached_property
    def prediction_count(self) -> int:
        return prediction_count(self.version)

    @property
    def used_more_often(self) -> bool:
        """Whether the model has answered more often than is counted."""
        return self.prediction_count > MOST_COUNTED

    @cached_property
    def volunteered_accuracy(self) -> VolunteeredAccuracy | None:
        return volunteered_accuracy(self.version)

    @property
    def curves(self) -> list[SafeString]:
        """Accuracy and loss by epoch, of every network that was trained here."""
        return [training_curves(history) for history in self.histories]

    @cached_property
    def histories(self) -> list[list[dict[str, float]]]:
        """The epochs of every network that was trained here."""
        found = []
        for network in self.card.network_folders:
            with suppress(OSError, ValueError):
                found.append(artifacts.read_history(self.folder / network))
        return found

    @cached_property
    def mistakes(self) -> list[ShownMistake]:
        """The most confident mistakes on the test images, by network."""
        found = []
        for network in self.card.network_folders:
            with suppress(ArtifactError):
                stored = load_mistakes(self.folder / network)
                found += [ShownMistake(network, stored, mistake, self.card.class_names) for mistake in stored.items]
        return found

    @cached_property
    def files(self) -> list[ModelFile]:
        """The files that can be downloaded."""
        return downloads(self.version)

    @property
    def confusion(self) -> Confusion | None:
        return confusion(self.card)

    @property
    def reliability(self) -> SafeString | None:
        """The reliability diagram of the test images; None where there were too few."""
        if not self.shows_calibration:
            return None
        after, before = (
            [ReliabilityBin(**group) for group in figures["reliability"]]
            for figures in (self.test, self.test["before_scaling"])
        )
        return reliability(after, before)

    @property
    def plots(self) -> list[Plot]:
        """The pictures that are shown."""
        return [plot for plot in self._pictures if plot.name in _SHOWN]

    @property
    def downloads(self) -> list[Plot]:
        """The pictures of what the page draws itself."""
        return [plot for plot in self._pictures if plot.name not in _SHOWN]

    @cached_property
    def _pictures(self) -> list[Plot]:
        found = (Plot.find(self.version, network, name) for network in self.card.network_folders for name in PLOTS)
        return [plot for plot in found if plot and (plot.name != "reliability" or self.shows_calibration)]
