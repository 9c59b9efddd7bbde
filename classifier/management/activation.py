"""The options --activate and --yes of the commands that publish a model."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.models import ModelVersion
from classifier.services.models import publishing
from classifier.services.models.activation_doubts import activation_doubts


def add_activation(parser: CommandParser, activate_help: str) -> None:
    """Add --activate, and --yes for non-interactive use."""
    parser.add_argument("--activate", action="store_true", help=activate_help)
    add_yes(parser)


def add_yes(parser: CommandParser) -> None:
    parser.add_argument("--yes", action="store_true", help="Activate without asking, whatever the test results.")


def activate(command: BaseCommand, version: ModelVersion, *, sure: bool) -> None:
    """Activate a published version; ask first when its test speaks against it.

    Raises CommandError, which says how to activate it later, when the answer is no or nobody can be asked.
    """
    doubts = [] if sure else activation_doubts(version)
    for doubt in doubts:
        command.stderr.write(doubt)
    if doubts and not _confirmed(f"Activate {version} anyway? [y/N] "):
        later = f"manage.py models activate {version.name}@{version.number} --yes"
        raise CommandError(f"{version} was published but not activated. To activate it anyway: {later}")
    publishing.activate_version(version=version)
    command.stdout.write(f"{version} is now active.")


def _confirmed(question: str) -> bool:
    """Ask a yes-or-no question; without a terminal the answer is no."""
    try:
        return input(question).strip().lower() == "y"
    except EOFError:
        return False
