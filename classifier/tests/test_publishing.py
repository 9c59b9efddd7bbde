import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from classifier.models import ModelVersion, Prediction
from classifier.services.models import serving
from classifier.services.models.publishing import activate_version, find_version, free_folder, publish, register_shipped
from classifier.tests.factories import another_model, damage, image_file
from classifier.tests.pages import result_of
from ml.artifacts.folder import ArtifactError, load_card

pytestmark = pytest.mark.django_db(transaction=True)


def active_names() -> list[str]:
    return [version.name for version in ModelVersion.objects.filter(active=True)]


def answering(client: Client) -> str:
    """The model that answers an upload, as the page says."""
    return result_of(client.post("/", {"image": image_file()}, follow=True))["data-model"]


def test_migrate_has_registered_and_activated_the_shipped_model(shipped):
    assert (shipped.number, shipped.active, shipped.folder) == (1, True, "student_cnn")
    assert shipped.digest == load_card(shipped.path).digest
    assert shipped.activated_at is not None


def test_published_folder_gets_a_row_that_does_not_answer_yet(models_dir):
    version = publish(folder=another_model(models_dir / "another"))
    assert (str(version), version.folder, version.active) == ("another v1", "another", False)
    assert version.path == models_dir / "another"
    version.refresh_from_db()
    assert version.class_names == list(load_card(version.path).class_names)
    assert active_names() == ["student_cnn"]


def test_folder_elsewhere_is_found_by_its_absolute_path(tmp_path):
    folder = another_model(tmp_path / "elsewhere")
    assert publish(folder=folder).path == folder


def test_damaged_folder_is_refused(tmp_path):
    folder = another_model(tmp_path / "another")
    damage(folder)
    with pytest.raises(ArtifactError, match=r"model\.tflite is not the file its card describes"):
        publish(folder=folder, activate=True)
    assert active_names() == ["student_cnn"]
    assert ModelVersion.objects.count() == 1


def test_same_folder_twice_is_one_row(tmp_path):
    folder = another_model(tmp_path / "another")
    assert publish(folder=folder) == publish(folder=folder)
    assert ModelVersion.objects.filter(name="another").count() == 1


def test_versions_of_one_name_are_counted_and_found(tmp_path):
    first = publish(folder=another_model(tmp_path / "another"))
    second = publish(folder=another_model(tmp_path / "another-2", name="another"))
    assert (str(first), str(second)) == ("another v1", "another v2")
    assert find_version("another") == find_version("another@2") == second
    assert find_version("another@1") == first
    assert find_version("another@3") is find_version("another@x") is find_version("nobody") is None


def test_activation_leaves_one_active(shipped, tmp_path):
    another = publish(folder=another_model(tmp_path / "another"), activate=True)
    assert active_names() == ["another"]
    activate_version(version=shipped)
    assert active_names() == ["student_cnn"]
    activate_version(version=another)
    activate_version(version=another)
    assert active_names() == ["another"]


def test_registering_again_changes_nothing(models_dir):
    assert register_shipped() == []
    call_command("migrate", verbosity=0)
    assert active_names() == ["student_cnn"]
    assert ModelVersion.objects.count() == 1


def test_registering_finds_new_folders_and_passes_by_half_written_ones(models_dir):
    another_model(models_dir / "another")
    another_model(models_dir / ".another-half")
    assert [version.name for version in register_shipped()] == ["another"]
    assert active_names() == ["student_cnn"]


def test_registering_activates_a_model_where_none_is(shipped):
    Prediction.objects.all().delete()
    shipped.delete()
    assert [version.name for version in register_shipped()] == ["student_cnn"]
    assert active_names() == ["student_cnn"]


def test_of_several_new_models_the_best_on_validation_images_is_activated(shipped, models_dir):
    for name, accuracy in (("middling", 0.95), ("best", 0.99), ("worst", 0.1)):
        another_model(models_dir / name, metrics={"validation": {"accuracy": accuracy}})
    another_model(models_dir / "unmeasured", metrics={})
    shipped.delete()
    assert len(register_shipped()) == 5
    assert active_names() == ["best"]
    assert register_shipped() == []
    assert active_names() == ["best"]


def test_better_model_does_not_replace_the_active_one(models_dir):
    another_model(models_dir / "best", metrics={"validation": {"accuracy": 1.0}})
    assert [version.name for version in register_shipped()] == ["best"]
    assert active_names() == ["student_cnn"]


def test_shipped_model_that_an_update_has_replaced_answers_at_once(client, models_dir):
    assert answering(client) == "student_cnn v1"
    another_model(models_dir / "next", name="student_cnn")
    (models_dir / "student_cnn").rename(models_dir / ".old")
    (models_dir / "next").rename(models_dir / "student_cnn")
    call_command("migrate", verbosity=0)
    assert answering(client) == "student_cnn v2"


def test_damaged_shipped_folder_stops_no_migration(models_dir, caplog):
    damage(another_model(models_dir / "another"))
    call_command("migrate", verbosity=0)
    assert "A shipped model was not registered" in caplog.text
    assert active_names() == ["student_cnn"]


def test_free_folder_is_never_one_that_is_there(models_dir):
    assert free_folder("fresh") == models_dir / "fresh"
    assert free_folder("student_cnn") == models_dir / "student_cnn-2"
    (models_dir / "student_cnn-2").mkdir()
    assert free_folder("student_cnn") == models_dir / "student_cnn-3"


def test_activated_model_answers_the_next_upload(client, tmp_path):
    assert answering(client) == "student_cnn v1"
    publish(folder=another_model(tmp_path / "another"), activate=True)
    assert answering(client) == "another v1"
    assert Prediction.objects.latest("created_at").model_version.name == "another"
    activate_version(version=ModelVersion.objects.get(name="student_cnn"))
    assert answering(client) == "student_cnn v1"


def test_damaged_new_model_leaves_the_old_one_answering_until_it_is_mended(client, tmp_path, monkeypatch, caplog):
    assert answering(client) == "student_cnn v1"
    publish(folder=another_model(tmp_path / "another"), activate=True)
    (tmp_path / "another").rename(tmp_path / "away")
    assert [answering(client) for _ in range(3)] == ["student_cnn v1"] * 3
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "The model another v1 cannot be loaded" in errors[0]
    (tmp_path / "away").rename(tmp_path / "another")
    monkeypatch.setattr(serving, "_RETRY_SECONDS", 0)
    assert answering(client) == "another v1"


def test_folder_with_other_files_than_were_published_does_not_answer(client, models_dir):
    another_model(models_dir / "other", name="student_cnn")
    (models_dir / "student_cnn").rename(models_dir / "old")
    (models_dir / "other").rename(models_dir / "student_cnn")
    assert client.post("/", {"image": image_file()}).status_code == 503


def test_row_made_anew_for_the_same_files_is_the_one_predictions_name(client, shipped):
    answering(client)
    Prediction.objects.all().delete()
    shipped.delete()
    register_shipped()
    answering(client)
    assert Prediction.objects.get().model_version == ModelVersion.objects.get()


def test_first_requests_at_once_load_one_model_and_all_answer(caplog):
    caplog.set_level(logging.INFO)
    serving.forget()

    def upload(number: int) -> str:
        try:
            return answering(Client())
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        answers = [*pool.map(upload, range(24))]
    assert answers == ["student_cnn v1"] * 24
    assert Prediction.objects.count() == 24
    assert [record.getMessage() for record in caplog.records if "Serving" in record.getMessage()] == [
        "Serving student_cnn v1"
    ]
