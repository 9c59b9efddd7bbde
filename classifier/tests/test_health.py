import pytest
from django.core.files.storage import storages

from classifier.models import ModelVersion
from classifier.services.operations import readiness
from classifier.tests.factories import damage, environment, manage
from classifier.tests.stores import use

pytestmark = pytest.mark.django_db


def test_healthz_answers_whatever_the_model_does(client):
    ModelVersion.objects.update(active=False)
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_names_the_model_that_answers(client, shipped):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "database": "ok", "storage": "ok", "model": "student_cnn v1"},
    )
    assert "no-store" in response["Cache-Control"]


def test_readyz_says_that_no_model_is_active(client):
    ModelVersion.objects.update(active=False)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "unavailable", "database": "ok", "storage": "ok", "model": "missing"},
    )


def test_readyz_says_that_the_models_folder_is_damaged(client, models_dir, caplog):
    damage(models_dir / "student_cnn")
    assert client.get("/readyz").status_code == 503
    assert f"restore its folder {models_dir / 'student_cnn'}" in caplog.text


def test_readyz_says_that_the_models_folder_is_gone(client, settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    assert client.get("/readyz").json()["model"] == "missing"


def test_readyz_says_that_files_cannot_be_stored(client, shipped, settings, tmp_path, caplog):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": str(in_the_way)}},
    }
    response = client.get("/readyz")
    assert (response.status_code, response.json()["storage"]) == (503, "missing")
    assert str(in_the_way) in caplog.text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"endpoint": "http://127.0.0.1:9"}, "unreachable"),
        ({"bucket": "no-bucket-of-the-tests"}, "missing"),
        ({}, "ok"),
    ],
)
def test_readyz_asks_the_object_store(client, shipped, settings, monkeypatch, swift_server, changes, word):
    store = use(swift_server, settings, monkeypatch)
    settings.STORAGES = store.storages(**changes)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["storage"]) == (200 if word == "ok" else 503, word)


def test_readyz_asks_the_store_once_in_some_seconds(client, shipped, settings, monkeypatch, swift_server):
    store = use(swift_server, settings, monkeypatch)
    settings.STORAGES = store.storages()
    assert client.get("/readyz").json()["storage"] == "ok"
    storages["default"].bucket_name = "no-bucket-of-the-tests"
    assert client.get("/readyz").json()["storage"] == "ok"
    monkeypatch.setattr(readiness, "STORAGE_SECONDS", -1)
    assert client.get("/readyz").json()["storage"] == "missing"


def test_readyz_says_that_the_database_is_unreachable(tmp_path):
    env = environment(tmp_path, DATABASE_URL="sqlite:////nowhere/db.sqlite3", ALLOWED_HOSTS="testserver")
    ask = "from django.test import Client; answer = Client().get('/readyz'); print(answer.status_code, answer.text)"
    answer = manage("shell", "--no-imports", "--command", ask, env=env).stdout
    assert answer.startswith('503 {"status": "unavailable", "database": "unreachable"')


def test_health_pages_make_no_session_and_take_no_post(client):
    for address in ("/healthz", "/readyz"):
        assert client.post(address).status_code == 405
    assert not client.cookies
