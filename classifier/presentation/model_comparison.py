"""Two models side by side: figures, settings and curves, in the reader's language."""

from dataclasses import dataclass
from itertools import zip_longest

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from classifier.presentation.charts import compared_accuracy
from classifier.presentation.model_pages import VersionPage
from classifier.presentation.training_settings import training_settings
from classifier.services.models.measurements import whole


@dataclass(frozen=True)
class ComparedRow:
    """One figure or setting of both models; "" where a model has none."""

    label: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        return self.first != self.second


def figures_side_by_side(first: VersionPage, second: VersionPage) -> list[ComparedRow]:
    return _side_by_side(dict(first.figures), dict(second.figures))


def settings_side_by_side(first: VersionPage, second: VersionPage) -> list[ComparedRow]:
    """Return what they are and how they were trained, for both; the settings that differ come first."""
    rows = _side_by_side(_settings(first), _settings(second))
    return sorted(rows, key=lambda row: not row.differs)


def curves_together(first: VersionPage, second: VersionPage) -> SafeString | None:
    """Return the validation accuracy of both by epoch; None if either was not trained on this site's data."""
    if len(first.histories) != 1 or len(second.histories) != 1:
        return None
    return compared_accuracy([(str(page.version), page.histories[0]) for page in (first, second)])


def _settings(page: VersionPage) -> dict[str, str]:
    card = page.card
    recipe = next((trained.recipe for trained in page.network_cards if trained.recipe), {})
    described = {
        _("Architecture"): card.architecture,
        _("Classes"): whole(len(page.version.known_classes)),
        _("Parameters"): whole(card.parameter_count),
        _("Data set"): page.data_set,
        _("Training images"): whole(card.dataset["train_images"]) if "train_images" in card.dataset else "",
    }
    return {**described, **training_settings(recipe)}


def _side_by_side(first: dict[str, str], second: dict[str, str]) -> list[ComparedRow]:
    labels = list(dict.fromkeys([label for pair in zip_longest(first, second) for label in pair if label]))
    return [ComparedRow(label, first.get(label, ""), second.get(label, "")) for label in labels]
