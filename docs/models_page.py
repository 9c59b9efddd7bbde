"""docs/models.md: what is between its marks, from the cards of the shipped models."""

import re

from django.utils import translation

from cifarsite.settings import BASE_DIR
from classifier.presentation.model_description import description
from classifier.presentation.model_figures import table
from ml.artifacts import folder as artifacts

SHIPPED = BASE_DIR / "ml" / "trained"

_SECTION = re.compile(
    r"(<!-- (?P<kind>figures|description): (?P<name>[\w/-]+) -->\n).*?(<!-- end of (?P=kind) -->)", re.DOTALL
)


def text(page: str) -> str:
    """Return the page with its marked parts written anew. Raises ArtifactError for a model that does not exist."""
    with translation.override("en"):
        return _SECTION.sub(_section, page)


def _section(match: re.Match[str]) -> str:
    folder = SHIPPED / match["name"]
    card = artifacts.load_card(folder)
    if match["kind"] == "description":
        written = "\n".join(f"- {sentence}" for sentence in description(card))
    else:
        written = table(card, artifacts.load_evaluation(folder, "photographs"))
    return f"{match[1]}{written}\n{match[4]}"
