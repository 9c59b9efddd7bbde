"""A database in a file, as in production, and folders for uploads, models and runs that go with each test."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.db import connection
from django.dispatch import receiver
from django.test import Client
from django.utils import translation

from classifier.models import ModelVersion
from classifier.services.models import serving
from classifier.services.people import throttling
from classifier.tests.browser import chromium, complaints, open_browser, photograph
from classifier.tests.database import remember_rows
from classifier.tests.factories import linked_model, make_user, pictures
from classifier.tests.postgresql import postgresql
from classifier.tests.stores import moto_server, store, swift_server
from ml.classes import CLASS_NAMES
from ml.tests.factories import write_cifar10

__all__ = ["chromium", "complaints", "moto_server", "open_browser", "photograph", "postgresql", "store", "swift_server"]

_SHIPPED: list[ModelVersion] = []


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory, django_db_modify_db_settings_parallel_suffix) -> None:
    """SQLite in a file instead of memory: with its journal, its locks and a connection a thread."""
    folder = tmp_path_factory.mktemp("site")
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")
    # `migrate` registers what lies here: the shipped model alone, whatever was trained on this machine.
    linked_model(folder / "models" / "student_cnn")
    django_settings.MODELS_DIR = folder / "models"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    with django_db_blocker.unblock():
        remember_rows()
        _SHIPPED[:] = ModelVersion.objects.all()


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path) -> Path:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def checked_markup(settings):
    """Every page of every test is checked, before it is compressed."""
    place = settings.MIDDLEWARE.index("classifier.web.compression.CompressedPagesMiddleware") + 1
    middleware = [*settings.MIDDLEWARE]
    middleware.insert(place, "classifier.tests.html.MarkupMiddleware")
    settings.MIDDLEWARE = middleware


@pytest.fixture(autouse=True)
def fresh_server():
    """No test answers by a model that another has loaded, or counts what another has asked for.

    The shipped model alone stays loaded: no test writes into its folder, and what changes the settings unloads it.
    """
    served = serving._server.served
    serving.forget()
    if served and [served.version] == _SHIPPED:
        serving._server.served = served
    throttling.forget()


@receiver(setting_changed)
def forget_loaded_models(setting: str, **kwargs) -> None:
    if setting in ("MODELS_DIR", "INTERPRETERS"):
        serving.forget()


@pytest.fixture(autouse=True)
def own_language():
    """No test speaks the language that another's page has left behind."""
    translation.deactivate()


@pytest.fixture
def limit(settings):
    """A function that turns all limits off but those it is given."""

    def only(**limits: str) -> None:
        settings.THROTTLES = dict.fromkeys(settings.THROTTLES, "off") | limits

    return only


@pytest.fixture
def stored_files(media_root):
    """A function that lists the files in MEDIA_ROOT."""
    return lambda: sorted(str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file())


@pytest.fixture
def shipped(db) -> ModelVersion:
    """The model that came with the code, active since `migrate`."""
    return ModelVersion.objects.get(name="student_cnn")


@pytest.fixture
def models_dir(settings, tmp_path) -> Path:
    """A MODELS_DIR to write to, with the shipped model in it."""
    settings.MODELS_DIR = tmp_path / "models"
    linked_model(settings.MODELS_DIR / "student_cnn")
    return settings.MODELS_DIR


@pytest.fixture
def user(db):
    return make_user("olena")


@pytest.fixture
def user_client(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory) -> Path:
    """Thirty pictures of CIFAR-10's ten classes, of which ten are for the test: read in no time."""
    return pictures(tmp_path_factory.mktemp("pictures") / "colours", CLASS_NAMES)


@pytest.fixture(scope="session")
def cifar10_folder(tmp_path_factory) -> Path:
    """The six files of a synthetic data set, 184 MB."""
    return write_cifar10(tmp_path_factory.mktemp("cifar10"))
