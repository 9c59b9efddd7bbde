from pathlib import Path

import pytest
from PIL import Image

from ml.artifacts import readers
from ml.data.cifar10 import TRAIN_FILES
from ml.data.dataset import DatasetError
from ml.tests.factories import BLUE, RED, encode, linked_copy


def write_colours(folder: Path) -> Path:
    """Three red pictures and three blue ones, in a sub-folder for each class."""
    for name, colour in (("red", RED), ("blue", BLUE)):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            (folder / name / f"{number}.png").write_bytes(encode(Image.new("RGB", (40, 40), colour), "PNG"))
    return folder


@pytest.mark.parametrize("image_size", [None, 32])
def test_the_binary_version_is_read_as_cifar10(cifar10_folder, dataset, image_size):
    data = readers.load_dataset(cifar10_folder, image_size=image_size)
    assert data.name == "CIFAR-10"
    assert data.fingerprint == dataset.fingerprint


def test_the_folder_above_the_binary_version_is_read_as_cifar10(cifar10_folder):
    assert readers.load_dataset(cifar10_folder.parent).name == "CIFAR-10"


def test_a_binary_version_that_is_not_whole_is_no_folder_of_pictures(cifar10_folder, tmp_path):
    left_out = {Path(name).stem: None for name in TRAIN_FILES[1:]}
    with pytest.raises(DatasetError, match=r"data_batch_2\.bin is missing"):
        readers.load_dataset(linked_copy(cifar10_folder, tmp_path / "copy", **left_out))


def test_without_a_folder_the_one_in_the_environment_is_read(cifar10_folder, dataset, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_folder))
    assert readers.load_dataset().fingerprint == dataset.fingerprint


def test_sub_folders_are_read_as_classes_whatever_the_environment_says(cifar10_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_folder))
    data = readers.load_dataset(write_colours(tmp_path))
    assert data.class_names == ("blue", "red")


@pytest.mark.parametrize(("image_size", "side"), [(None, 32), (20, 20)])
def test_pictures_are_brought_to_the_image_size_or_that_of_cifar10(tmp_path, image_size, side):
    assert readers.load_dataset(write_colours(tmp_path), image_size=image_size).image_shape == (side, side, 3)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_colours(tmp_path / "pictures")
    assert readers.load_dataset(Path("~/pictures")).name == "pictures"


def test_progress_is_reported_for_the_pictures(tmp_path):
    heard = []
    readers.load_dataset(write_colours(tmp_path), progress=lambda *done: heard.append(done))
    assert heard[-1] == (6, 6)


def test_an_image_size_for_cifar10_is_refused(cifar10_folder, monkeypatch):
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_folder))
    for folder in (cifar10_folder, None):
        with pytest.raises(DatasetError, match="32 pixels a side: leave the image size out"):
            readers.load_dataset(folder, image_size=64)


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_missing_data_set_is_reported_with_the_expected_layout(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"data_batch_1\.bin.*sub-folder") as caught:
        readers.load_dataset(tmp_path / name)
    assert f"no data set in {tmp_path / name}:" in str(caught.value)
