import pytest

from classifier.models import ModelVersion
from classifier.tests.factories import damage, environment, manage

pytestmark = pytest.mark.django_db


def test_healthz_answers_whatever_the_model_does(client):
    ModelVersion.objects.update(active=False)
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_names_the_model_that_answers(client, shipped):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "database": "ok", "model": "student_cnn v1"},
    )
    assert "no-store" in response["Cache-Control"]


def test_readyz_says_that_no_model_is_active(client):
    ModelVersion.objects.update(active=False)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "unavailable", "database": "ok", "model": "missing"},
    )


def test_readyz_says_that_the_models_folder_is_damaged(client, models_dir, caplog):
    damage(models_dir / "student_cnn")
    assert client.get("/readyz").status_code == 503
    assert f"restore its folder {models_dir / 'student_cnn'}" in caplog.text


def test_readyz_says_that_the_models_folder_is_gone(client, settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    assert client.get("/readyz").json()["model"] == "missing"


def test_readyz_says_that_the_database_is_unreachable(tmp_path):
    env = environment(tmp_path, DATABASE_URL="sqlite:////nowhere/db.sqlite3", ALLOWED_HOSTS="testserver")
    ask = "from django.test import Client; answer = Client().get('/readyz'); print(answer.status_code, answer.text)"
    answer = manage("shell", "--no-imports", "--command", ask, env=env).stdout
    assert answer.startswith('503 {"status": "unavailable", "database": "unreachable"')


def test_health_pages_make_no_session_and_take_no_post(client):
    for address in ("/healthz", "/readyz"):
        assert client.post(address).status_code == 405
    assert not client.cookies
