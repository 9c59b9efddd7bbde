"""The environment that all tests run under, whatever the shell or a developer's .env says.

Named in pyproject.toml, the settings would be read before this file is.
"""

import os
from pathlib import Path

import django
import pytest

BASE_DIR = Path(__file__).parent

os.environ.setdefault("CIFARSITE_DEVELOPMENT", "1")
os.environ.update(
    DJANGO_SETTINGS_MODULE="cifarsite.settings",
    DEBUG="true",
    HTTPS="false",
    ALLOWED_HOSTS="",
    CSRF_TRUSTED_ORIGINS="",
    BEHIND_PROXY="false",
    SECRET_KEY="the key of the tests, which keeps no secret at all",  # noqa: S106
    MODELS_DIR=str(BASE_DIR / "ml" / "trained"),
    TF_CPP_MIN_LOG_LEVEL="3",
)

django.setup()

#: Those that take longest come first: with several workers none is left with one at the end.
LONGEST = (
    "test_every_page",
    "test_train_command",
    "test_job_endurance",
    "test_training",
    "test_photograph_learning",
    "test_api_schema",
    "test_training_jobs",
    "test_server",
    "test_celery",
    "test_restore_refuses",
    "test_two_networks",
    "test_browser_ways",
    "test_strangers",
    "test_kill",
    "test_heads",
    "test_leftovers",
    "test_own_pictures",
    "test_jobs",
    "test_worker",
    "test_backup",
    "test_postgresql",
    "test_torch_layers",
    "test_pipeline",
    "test_composite",
    "test_transfer",
    "test_hostile_clients",
    "test_working_copies",
    "test_pretrained",
    "test_busy_server",
    "test_neighbours",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--endurance", action="store_true", help="run the tests that take half a minute and more, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    if not config.getoption("--endurance"):
        skip = pytest.mark.skip(reason="takes half a minute and more: add --endurance")
        for item in items:
            if item.get_closest_marker("endurance"):
                item.add_marker(skip)
