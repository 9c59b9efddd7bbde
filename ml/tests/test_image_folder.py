import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.data import image_folder, image_reading
from ml.data.dataset import Dataset, DatasetError, Split
from ml.images.preprocessing import DecodedImage, decode, to_input
from ml.tests.factories import BLUE, GREEN, RED, WHITE, YELLOW, encode, exif, photograph, quadrants


def write_image_folder(folder: Path, **counts: int) -> Path:
    """Write a sub-folder for each class, with as many small pictures, PNG and JPEG, of which no two are alike."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            kind, suffix = (("PNG", "png"), ("JPEG", "jpg"))[number % 2]
            picture = photograph(20, 16, seed=zlib.crc32(f"{folder.name}/{name}/{number}".encode()))
            (folder / name / f"{number:02}.{suffix}").write_bytes(encode(picture, kind))
    return folder


def load(folder: Path, *, image_size: int = 16, **options) -> Dataset:
    return image_folder.load(folder, image_size=image_size, **options)


def pixels(*splits: Split) -> list[bytes]:
    return sorted(image.tobytes() for split in splits for image in split.images)


def pixels_below(folder: Path, size: int = 16) -> list[bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(to_input(decode(path.read_bytes()).picture, size, size).tobytes() for path in files)


def at_size(height: int, width: int) -> Callable[[DecodedImage], np.ndarray]:
    return lambda decoded: to_input(decoded.picture, height, width)


def counts(split: Split) -> list[int]:
    return np.bincount(split.labels).tolist()


@pytest.fixture
def folder(tmp_path):
    """20 cats and 40 dogs, not split."""
    return write_image_folder(tmp_path / "pets", cat=20, dog=40)


@pytest.fixture
def split_folder(tmp_path):
    """Cats and dogs: 20 and 30 to train on, 2 and 1 for the test."""
    write_image_folder(tmp_path / "pets" / "train", cat=20, dog=30)
    return write_image_folder(tmp_path / "pets" / "test", cat=2, dog=1).parent


def test_the_sub_folders_in_alphabetical_order_are_the_classes(tmp_path):
    data = load(write_image_folder(tmp_path / "pets", dog=3, bird=3, cat=3, **{".cache": 3}))
    assert data.class_names == ("bird", "cat", "dog")
    assert data.name == "pets"


def test_a_folder_without_splits_gives_a_tenth_of_every_class_to_validation_and_to_the_test(folder):
    data = load(folder)
    assert [counts(split) for split in (data.train, data.validation, data.test)] == [[16, 32], [2, 4], [2, 4]]


def test_no_picture_is_lost_or_in_two_splits(folder):
    data = load(folder)
    assert pixels(data.train, data.validation, data.test) == pixels_below(folder)


def test_splits_depend_on_the_seed(folder):
    first, again, other = (load(folder, split_seed=seed) for seed in (0, 0, 1))
    assert pixels(first.train) == pixels(again.train)
    assert pixels(first.test) == pixels(again.test)
    assert pixels(first.validation) != pixels(other.validation)
    assert pixels(first.test) != pixels(other.test)


def test_three_pictures_of_a_class_are_enough_for_one_in_every_split(tmp_path):
    data = load(write_image_folder(tmp_path, cat=3, dog=3))
    assert [counts(split) for split in (data.train, data.validation, data.test)] == [[1, 1]] * 3


def test_every_picture_has_the_label_of_its_folder(tmp_path):
    for colour, name in ((RED, "red"), (BLUE, "blue")):
        (tmp_path / name).mkdir()
        for number in range(20):
            (tmp_path / name / f"{number}.png").write_bytes(encode(Image.new("RGB", (16, 16), colour), "PNG"))
    data = load(tmp_path)
    for split in (data.train, data.validation, data.test):
        shown = [data.class_names.index("red" if image[0, 0, 0] else "blue") for image in split.images]
        assert split.labels.tolist() == shown
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("name", ["validation", "val", "valid"])
def test_splits_that_are_there_are_read_as_they_are(split_folder, name):
    write_image_folder(split_folder / name, cat=1, dog=2)
    data = load(split_folder)
    assert data.class_names == ("cat", "dog")
    assert data.name == "pets"
    assert counts(data.train) == [20, 30]
    assert pixels(data.train) == pixels_below(split_folder / "train")
    assert pixels(data.validation) == pixels_below(split_folder / name)
    assert pixels(data.test) == pixels_below(split_folder / "test")


def test_a_missing_validation_split_is_held_out_of_the_training_pictures_alone(split_folder):
    data = load(split_folder)
    assert [counts(split) for split in (data.train, data.validation)] == [[18, 27], [2, 3]]
    assert pixels(data.train, data.validation) == pixels_below(split_folder / "train")
    assert pixels(data.test) == pixels_below(split_folder / "test")


def test_a_missing_test_split_is_held_out_of_the_training_pictures_alone(split_folder):
    (split_folder / "test").rename(split_folder / "val")
    data = load(split_folder)
    assert [counts(split) for split in (data.train, data.test)] == [[18, 27], [2, 3]]
    assert pixels(data.train, data.test) == pixels_below(split_folder / "train")
    assert pixels(data.validation) == pixels_below(split_folder / "val")


@pytest.mark.parametrize("size", [16, 24])
def test_pictures_are_brought_to_the_size_asked_for(folder, size):
    data = load(folder, image_size=size)
    assert data.image_shape == (size, size, 3)
    assert pixels(data.train, data.validation, data.test) == pixels_below(folder, size)


def test_hidden_files_and_those_that_are_no_pictures_are_left_out(folder):
    before = load(folder)
    picture = encode(photograph(seed=1), "PNG")
    (folder / "cat" / ".hidden.png").write_bytes(picture)
    (folder / "cat" / ".thumbnails").mkdir()
    (folder / "cat" / ".thumbnails" / "00.png").write_bytes(picture)
    (folder / "cat" / "labels.csv").write_text("00.png,cat")
    (folder / "cat" / "00.png.bak").write_bytes(picture)
    (folder / "beside.png").write_bytes(picture)
    assert load(folder).fingerprint == before.fingerprint


def test_a_data_set_below_a_hidden_folder_is_read(tmp_path):
    assert counts(load(write_image_folder(tmp_path / ".data" / "pets", cat=3, dog=3)).train) == [1, 1]


def test_pictures_in_deeper_folders_and_with_upper_case_suffixes_are_read(folder):
    picture = encode(photograph(seed=1), "JPEG")
    (folder / "cat" / "2024" / "May").mkdir(parents=True)
    (folder / "cat" / "2024" / "May" / "deep.jpeg").write_bytes(picture)
    (folder / "cat" / "LOUD.JPG").write_bytes(picture)
    data = load(folder)
    assert sum(counts(split)[0] for split in (data.train, data.validation, data.test)) == 22


def test_a_turned_photograph_is_read_upright(tmp_path):
    upright = tmp_path / "upright.png"
    turned = tmp_path / "turned.jpg"
    upright.write_bytes(encode(quadrants(64, 64), "PNG"))
    turned.write_bytes(encode(quadrants(64, 64).transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif(6)))
    read = image_reading.read_images([upright, turned], at_size(16, 16))
    images = np.stack(read).astype(int)
    assert images[0][[3, 3, 12, 12], [3, 12, 3, 12]].tolist() == [list(c) for c in (RED, GREEN, BLUE, YELLOW)]
    assert np.abs(images[1] - images[0])[[3, 3, 12, 12], [3, 12, 3, 12]].max() < 40


def test_transparent_pixels_are_read_as_white(tmp_path):
    path = tmp_path / "clear.png"
    path.write_bytes(encode(Image.new("RGBA", (16, 16), (*RED, 0)), "PNG"))
    assert (np.stack(image_reading.read_images([path], at_size(16, 16))) == WHITE).all()


def test_pixels_come_in_the_order_of_the_files_at_any_height_and_width(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(encode(Image.new("RGB", (16, 16), (number, 0, 0)), "PNG"))
    images = np.stack(image_reading.read_images(paths, at_size(8, 12)))
    assert images.shape == (20, 8, 12, 3)
    assert images[:, 0, 0, 0].tolist() == list(range(20))


def test_fingerprint_depends_on_the_bytes(folder):
    before = load(folder).fingerprint
    path = folder / "cat" / "00.png"
    path.write_bytes(path.read_bytes() + b"\0")
    assert before.startswith("sha256:")
    assert load(folder).fingerprint != before


def test_fingerprint_depends_on_the_image_size(folder):
    assert load(folder, image_size=16).fingerprint != load(folder, image_size=24).fingerprint


def test_fingerprint_depends_on_the_labels(folder):
    before = load(folder).fingerprint
    # The last cat becomes the first dog: the same pictures in the same order.
    (folder / "cat" / "19.jpg").rename(folder / "dog" / "-1.jpg")
    assert load(folder).fingerprint != before


def test_fingerprint_depends_on_the_class_names(folder):
    before = load(folder).fingerprint
    (folder / "dog").rename(folder / "wolf")
    assert load(folder).fingerprint != before


def test_fingerprint_does_not_depend_on_the_folders_path(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert load(copy).fingerprint == load(folder).fingerprint


def test_a_single_class_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(DatasetError, match="at least 2 classes") as caught:
        load(write_image_folder(tmp_path / "pets", cat=5))
    assert f"{tmp_path / 'pets'} has 1 sub-folder" in str(caught.value)


@pytest.mark.parametrize("count", [0, 2])
def test_a_class_with_too_few_images_is_an_error_that_names_its_folder(tmp_path, count):
    with pytest.raises(DatasetError, match="at least 3") as caught:
        load(write_image_folder(tmp_path, cat=5, dog=count))
    assert f"{tmp_path / 'dog'} has {count} image(s)" in str(caught.value)


@pytest.mark.parametrize("name", ["test", "val"])
def test_a_class_without_an_image_in_a_split_is_an_error_that_names_its_folder(split_folder, name):
    shutil.rmtree(split_folder / name, ignore_errors=True)
    write_image_folder(split_folder / name, cat=2)
    with pytest.raises(DatasetError, match="at least 1") as caught:
        load(split_folder)
    assert str(split_folder / name / "dog") in str(caught.value)


def test_a_class_that_is_not_trained_on_is_an_error_that_names_its_folder(split_folder):
    write_image_folder(split_folder / "test", fox=1)
    with pytest.raises(DatasetError, match="is not one of the classes: cat, dog") as caught:
        load(split_folder)
    assert str(split_folder / "test" / "fox") in str(caught.value)


def test_unreadable_images_are_named_with_what_is_wrong(folder):
    (folder / "cat" / "00.png").write_bytes(b"")
    (folder / "dog" / "01.jpg").write_bytes(b"text")
    with pytest.raises(DatasetError, match="2 of 60 images cannot be read") as caught:
        load(folder)
    _, *lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        str(folder / "cat" / "00.png"),
        str(folder / "dog" / "01.jpg"),
    ]
    assert "is empty" in lines[0]
    assert "text file" in lines[1]


@pytest.mark.parametrize(("count", "last"), [(5, "cat/04.png"), (7, "... and 2 more")])
def test_only_the_first_five_unreadable_images_are_named(tmp_path, count, last):
    write_image_folder(tmp_path, cat=0, dog=3)
    for number in range(count):
        (tmp_path / "cat" / f"{number:02}.png").write_bytes(b"text")
    with pytest.raises(DatasetError, match=f"{count} of {count + 3} images") as caught:
        load(tmp_path)
    lines = str(caught.value).splitlines()[1:]
    assert sum("cat/" in line for line in lines) == 5
    assert last in lines[-1]


@pytest.mark.parametrize("size", [0, 15, 513])
def test_an_image_size_out_of_bounds_is_an_error_that_names_the_bounds(folder, size):
    with pytest.raises(DatasetError, match=f"{size} pixels a side cannot be made: choose 16 to 512"):
        load(folder, image_size=size)


@pytest.mark.parametrize(
    "name",
    ["x" * 101, "line\nbreak", "\udcff", "=SUM(A1)", "@cat", "a\\b", " cat", "a\u2028b"],
    ids=["long", "line break", "not UTF-8", "formula", "at", "separator", "space", "line separator"],
)
def test_a_name_that_cannot_be_shown_is_no_class(tmp_path, name):
    with pytest.raises(DatasetError, match="cannot be a class") as caught:
        load(write_image_folder(tmp_path, cat=3, **{name: 0}))
    assert repr(name) in str(caught.value)


def test_a_name_of_a_hundred_characters_in_any_script_is_a_class(tmp_path):
    names = ("x" * 100, "Їжак лісовий")
    assert load(write_image_folder(tmp_path, **dict.fromkeys(names, 3))).class_names == names


def test_progress_is_reported_for_every_file(folder):
    heard = []
    load(folder, progress=lambda *done: heard.append(done))
    assert heard == [(number, 60) for number in range(1, 61)]


def test_a_class_may_be_called_train(tmp_path):
    assert load(write_image_folder(tmp_path, bus=3, car=3, train=3)).class_names == ("bus", "car", "train")


def test_splits_without_one_to_train_on_are_an_error(tmp_path):
    write_image_folder(tmp_path / "test", cat=3, dog=3)
    with pytest.raises(DatasetError, match="has test but no train/ to train on"):
        load(tmp_path)
