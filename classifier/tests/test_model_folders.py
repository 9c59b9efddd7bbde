"""Models on an object store: one machine publishes, the others fetch."""

import io
import threading
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from classifier.models import ModelVersion
from classifier.services.models import serving
from classifier.services.models.publishing import delete_version, find_folder, publish, register_shipped
from classifier.services.models.serving import NoModel, served_model
from classifier.storages.model_folders import at_hand
from classifier.storages.stored import site_storage
from classifier.tests.factories import another_model, image_bytes, image_file, linked_model
from classifier.tests.stores import Store, use
from ml.artifacts import folder as artifacts
from ml.artifacts.folder import ArtifactError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store(moto_server, settings, monkeypatch) -> Store:
    return use(moto_server, settings, monkeypatch)


@pytest.fixture
def version(store, models_dir, elsewhere) -> ModelVersion:
    """A model that one machine has published; this process is another one since."""
    version = publish(folder=another_model(models_dir / "ours"))
    elsewhere("second")
    return version


@pytest.fixture
def elsewhere(settings, tmp_path):
    """A function that makes this process one of another machine, which has no more than the code."""

    def move(name: str) -> Path:
        settings.MODELS_DIR = tmp_path / name / "models"
        linked_model(settings.MODELS_DIR / "student_cnn")
        settings.MODEL_CACHE_DIR = tmp_path / name / "cache"
        serving.forget()
        return settings.MODEL_CACHE_DIR

    return move


def test_another_machine_serves_shows_and_finds_a_published_model(version, client, settings):
    assert not version.path.exists()
    ModelVersion.objects.filter(active=True).update(active=False)
    ModelVersion.objects.filter(pk=version.pk).update(active=True)
    assert client.post("/", {"image": image_file(content=image_bytes())}).status_code == 302
    folder = settings.MODEL_CACHE_DIR / version.digest
    assert at_hand(version.path, version.digest) == folder
    assert artifacts.verify(folder).digest == version.digest
    assert find_folder(f"{version.name}@{version.number}") == folder
    assert client.get(f"/models/{version.name}/{version.number}/confusion.png").status_code == 200
    assert [path for path in settings.MODEL_CACHE_DIR.iterdir() if path.is_dir()] == [folder]


def test_shipped_models_need_no_store(store, shipped, settings):
    settings.STORAGES = store.storages(endpoint="http://127.0.0.1:9")
    assert served_model(shipped).version == shipped
    settings.MODELS_DIR = settings.BASE_DIR / "ml" / "trained"
    ModelVersion.objects.all().delete()
    assert {version.name for version in register_shipped()} >= {"student_cnn"}


def test_model_is_not_published_while_the_store_fails(store, models_dir, settings):
    folder = another_model(models_dir / "ours")
    settings.STORAGES = store.storages(endpoint="http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match="could not be stored"):
        publish(folder=folder)
    assert not ModelVersion.objects.filter(name="ours").exists()
    settings.STORAGES = store.storages()
    assert publish(folder=folder).name == "ours"


def test_model_that_cannot_be_fetched_is_no_model_until_it_can(version, store, settings, client):
    settings.STORAGES = store.storages(endpoint="http://127.0.0.1:9")
    with pytest.raises(NoModel, match="could not be fetched"):
        served_model(version)
    assert client.get(f"/models/{version.name}/").status_code == 200
    settings.STORAGES = store.storages()
    assert served_model(version).version == version


def test_damaged_object_is_not_served_and_not_kept(version, settings):
    name = f"models/{version.digest}/{artifacts.LITERT_FILE}"
    content = default_storage.open(name).read()
    default_storage.save(name, ContentFile(content[:-1]))
    with pytest.raises(ArtifactError, match="not the file its card describes"):
        at_hand(version.path, version.digest)
    assert not [path for path in settings.MODEL_CACHE_DIR.iterdir() if path.is_dir()]
    default_storage.save(name, ContentFile(content))
    assert at_hand(version.path, version.digest).is_dir()


def test_several_at_once_fetch_a_model_once(version):
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(at_hand(version.path, version.digest))) for _number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len({*found}) == 1
    assert artifacts.verify(found[0]).digest == version.digest


def test_cache_drops_what_was_not_used_for_the_longest_time(store, models_dir, elsewhere, settings):
    versions = [publish(folder=another_model(models_dir / name)) for name in ("one", "two", "three")]
    cache = elsewhere("second")
    one, two = (at_hand(version.path, version.digest) for version in versions[:2])
    size = sum(path.stat().st_size for path in one.rglob("*"))
    settings.MODEL_CACHE_GB = 2.5 * size / 10**9
    at_hand(versions[0].path, versions[0].digest)
    three = at_hand(versions[2].path, versions[2].digest)
    assert {path for path in cache.iterdir() if path.is_dir()} == {one, three}
    assert at_hand(versions[1].path, versions[1].digest) == two


def test_deleted_model_leaves_the_store(version):
    assert list(site_storage().listing("models"))
    delete_version(version=version)
    assert list(site_storage().listing("models")) == []


def test_sweep_removes_the_files_of_models_that_were_never_published(version):
    published = sorted(file.name for file in site_storage().listing("models"))
    default_storage.save("models/0123/card.json", ContentFile(b"1234"))
    call_command("sweep", stdout=io.StringIO())
    assert default_storage.exists("models/0123/card.json")  # younger than an hour
    while max(file.modified for file in site_storage().listing("models")) >= timezone.now():
        threading.Event().wait(0.1)
    output = io.StringIO()
    call_command("sweep", dry_run=True, older_than=0, stdout=output)
    assert "models/0123/card.json" in output.getvalue()
    assert default_storage.exists("models/0123/card.json")
    call_command("sweep", older_than=0, stdout=io.StringIO())
    assert sorted(file.name for file in site_storage().listing("models")) == published
