import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.data import cifar10
from ml.data.dataset import Dataset
from ml.networks.registry import ARCHITECTURES
from ml.tests.factories import TINY, TINY_RESNET, Listener, UndisturbedRun, register_tiny, tiny_settings, write_cifar10
from ml.training import loop as training

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def cifar10_folder(tmp_path_factory) -> Path:
    """The six files of a synthetic data set, 184 MB."""
    return write_cifar10(tmp_path_factory.mktemp("cifar10"))


@pytest.fixture(scope="session")
def dataset(cifar10_folder) -> Dataset:
    """300 training images, 30 for validation and 300 for the test."""
    return cifar10.load(cifar10_folder).limited(300)


@pytest.fixture(scope="package", autouse=True)
def tiny_networks() -> Iterator[None]:
    register_tiny()
    yield
    del ARCHITECTURES[TINY], ARCHITECTURES[TINY_RESNET]


@pytest.fixture(scope="package")
def undisturbed(dataset, tmp_path_factory) -> UndisturbedRun:
    """A training run of three epochs that nothing happened to."""
    settings, listener, folder = tiny_settings(dataset), Listener(), tmp_path_factory.mktemp("undisturbed")
    return UndisturbedRun(settings, training.train(settings, dataset, folder, listener), listener, folder)
