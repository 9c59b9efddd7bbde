"""Models besides the active one stay loaded, within bounds, and none waits for another's files."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from classifier.models import ModelVersion
from classifier.services.models.publishing import publish
from classifier.services.models.serving import MOST_OTHERS, loaded_model
from classifier.tests.factories import another_model, replace
from ml.artifacts.folder import LITERT_FILE, ArtifactError

pytestmark = pytest.mark.django_db


def versions(folder, count: int) -> list[ModelVersion]:
    return [publish(folder=another_model(folder / f"model{number}")) for number in range(count)]


def test_models_that_are_asked_in_turn_are_loaded_once(tmp_path):
    asked = versions(tmp_path, MOST_OTHERS)
    first = [loaded_model(version) for version in asked]
    assert all(loaded_model(version) is model for version, model in zip(asked * 2, first * 2))


def test_only_the_models_asked_last_stay_loaded(tmp_path):
    asked = versions(tmp_path, MOST_OTHERS + 1)
    first, *rest = [loaded_model(version) for version in asked]
    assert all(loaded_model(version) is model for version, model in zip(asked[1:], rest))
    assert loaded_model(asked[0]) is not first


def test_model_whose_files_come_slowly_keeps_no_other_waiting(tmp_path):
    slow, other = versions(tmp_path, 2)
    network = slow.path / LITERT_FILE
    content = network.read_bytes()
    network.unlink()
    os.mkfifo(network)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(loaded_model, slow)
        # Opening it for writing waits until it is being read.
        with network.open("wb") as file:
            try:
                assert pool.submit(loaded_model, other).result(20).class_names == other.class_names
                assert not loading.done()
            finally:
                file.write(content)
        assert loading.result(20).class_names == slow.class_names


def test_model_that_could_not_be_loaded_is_tried_again(tmp_path):
    (version,) = versions(tmp_path, 1)
    network = version.path / LITERT_FILE
    content = network.read_bytes()
    replace(network, b"")
    with pytest.raises(ArtifactError):
        loaded_model(version)
    replace(network, content)
    assert loaded_model(version).class_names == version.class_names
