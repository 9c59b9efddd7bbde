"""Which folders are splits, which files are images, and what is said of them."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.data import image_folder, image_reading
from ml.data.dataset import Dataset, DatasetError
from ml.data.pixel_file import NoSpace, PixelFile
from ml.tests.factories import encode, photograph
from ml.tests.test_image_folder import counts, load, pixels, write_image_folder


def write_photographs(folder: Path, **counts: int) -> Path:
    """As `write_image_folder`, but large enough to be the same when resized and recompressed."""
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            picture = photograph(192, 128, seed=1000 * number + index + (10**6 if folder.name == "test" else 0))
            (folder / name / f"{index:02}.png").write_bytes(encode(picture, "PNG"))
    return folder


def copy_of(path: Path) -> bytes:
    """The picture resized and recompressed."""
    return encode(Image.open(path).convert("RGB").resize((128, 85)), "JPEG", quality=70)


def report(dataset: Dataset) -> str:
    return dataset.report.as_text()


@pytest.mark.parametrize(
    ("train", "test", "validation"),
    [
        ("Train", "Test", None),
        ("training", "testing", "validation"),
        ("train", "eval", "val"),
        ("TRAINING", "Test", "Valid"),
    ],
)
def test_usual_names_of_splits_are_known_in_any_case(tmp_path, train, test, validation):
    write_image_folder(tmp_path / train, cat=20, dog=30)
    write_image_folder(tmp_path / test, cat=2, dog=1)
    if validation:
        write_image_folder(tmp_path / validation, cat=1, dog=2)
    data = load(tmp_path)
    assert data.class_names == ("cat", "dog")
    assert counts(data.test) == [2, 1]
    assert (counts(data.train), counts(data.validation)) == (([20, 30], [1, 2]) if validation else ([18, 27], [2, 3]))


def test_two_folders_of_one_split_are_an_error(tmp_path):
    for name in ("train", "val", "validation"):
        write_image_folder(tmp_path / name, cat=3, dog=3)
    with pytest.raises(DatasetError, match=r"val and .*validation are both folders of the validation split"):
        load(tmp_path)


def test_every_suffix_of_the_upload_page_and_none_is_read(tmp_path):
    write_image_folder(tmp_path, cat=3, dog=3)
    for number, name in enumerate(("a.jfif", "b.JPE", "c.JPEG", "d")):
        picture = photograph(20, 16, seed=100 + number)
        (tmp_path / "cat" / name).write_bytes(encode(picture, "JPEG"))
    (tmp_path / "cat" / "e.hif").write_bytes(encode(photograph(20, 16, seed=105), "HEIF"))
    (tmp_path / "cat" / "README").write_text("no image")
    assert sum(counts(split)[0] for split in (load(tmp_path).train, load(tmp_path).test)) == 7


def test_mac_metadata_folder_is_not_a_class(tmp_path):
    write_image_folder(tmp_path, cat=3, dog=3, __MACOSX=1)
    assert load(tmp_path).class_names == ("cat", "dog")


def test_summary_counts_classes_files_and_what_was_skipped(tmp_path):
    write_image_folder(tmp_path, cat=45, dog=45)
    (tmp_path / "cat" / "labels.csv").write_text("a,b")
    (tmp_path / "dog" / "empty.png").touch()
    (tmp_path / "dog" / "odd\nname.jpg").write_bytes(b"text")
    data = load(tmp_path, skip_unreadable=True)
    assert data.report.summary() == "2 classes, 90 files (45 + 45), 3 skipped"
    assert data.report.warnings == ()
    lines = report(data).splitlines()
    assert len(lines) == 4
    assert any("empty.png: The file is empty" in line for line in lines)
    assert any(r"odd\nname.jpg" in line for line in lines)
    assert pixels(data.train, data.validation, data.test) == pixels(*load_without_broken(tmp_path))


def load_without_broken(folder: Path) -> tuple:
    for name in ("empty.png", "odd\nname.jpg"):
        (folder / "dog" / name).unlink()
    data = load(folder)
    return data.train, data.validation, data.test


def test_skipping_does_not_change_the_fingerprint_of_what_is_left(tmp_path):
    write_image_folder(tmp_path, cat=5, dog=5)
    before = load(tmp_path).fingerprint
    (tmp_path / "cat" / "broken.png").write_bytes(b"text")
    assert load(tmp_path, skip_unreadable=True).fingerprint == before
    with pytest.raises(DatasetError, match="--skip-unreadable"):
        load(tmp_path)


def test_class_that_cannot_be_read_is_an_error_even_when_skipping(tmp_path):
    write_image_folder(tmp_path, cat=3, dog=3)
    (tmp_path / "dog" / "00.png").write_bytes(b"text")
    with pytest.raises(DatasetError, match=r"dog has 2 image\(s\); every class needs at least 3"):
        load(tmp_path, skip_unreadable=True)


def test_many_classes_are_counted_by_the_smallest_and_the_largest(tmp_path):
    write_image_folder(tmp_path, **{f"class{number}": 3 + number for number in range(7)})
    assert load(tmp_path).report.summary() == "7 classes, 42 files (3 to 9 per class)"


@pytest.mark.parametrize(("count", "warned"), [(15, False), (16, True)])
def test_unequal_classes_are_warned_of(tmp_path, count, warned):
    warnings = load(write_image_folder(tmp_path, cat=3, dog=count)).report.warnings
    assert bool(warnings) == warned
    if warned:
        assert f"dog has {count} images, cat has 3" in warnings[0]


@pytest.mark.parametrize("exact", [True, False])
def test_an_image_in_two_classes_is_warned_of(tmp_path, exact):
    write_photographs(tmp_path, cat=20, dog=20)
    source = tmp_path / "cat" / "04.png"
    (tmp_path / "dog" / "copy.jpg").write_bytes(source.read_bytes() if exact else copy_of(source))
    data = load(tmp_path, image_size=32)
    assert data.report.warnings == ("1 image is in two classes.",)
    assert f"in two classes: {source} = {tmp_path / 'dog' / 'copy.jpg'}" in report(data)


@pytest.mark.parametrize("exact", [True, False])
def test_copies_are_kept_in_one_split(tmp_path, exact):
    write_photographs(tmp_path, cat=30, dog=30)
    for path in sorted((tmp_path / "cat").iterdir())[:15]:
        (tmp_path / "cat" / f"copy-{path.stem}.jpg").write_bytes(path.read_bytes() if exact else copy_of(path))
    for seed in range(4):
        data = load(tmp_path, image_size=32, split_seed=seed)
        where = {}
        for name in ("train", "validation", "test"):
            split = getattr(data, name)
            for image in split.images[split.labels == 0]:
                thumbnail = np.asarray(Image.fromarray(image).resize((4, 4), Image.Resampling.BOX), int)
                for other, others in where.items():
                    if other != name:
                        assert min((np.abs(thumbnail - seen).mean() for seen in others), default=99) > 6
                where.setdefault(name, []).append(thumbnail)
        assert [sum(counts(split)) for split in (data.train, data.validation, data.test)] == [59, 8, 8]
    assert data.report.warnings == ("15 images have copies.",)


def test_training_images_that_are_copies_of_test_images_are_left_out(tmp_path):
    write_photographs(tmp_path / "train", cat=10, dog=10)
    write_photographs(tmp_path / "test", cat=2, dog=2)
    (tmp_path / "train" / "cat" / "leak.jpg").write_bytes(copy_of(tmp_path / "test" / "cat" / "00.png"))
    before = load(tmp_path, image_size=32)
    assert "1 image is in two splits." in before.report.warnings
    assert "1 training image(s) are left out: they are copies of held-out images." in before.report.warnings
    (tmp_path / "train" / "cat" / "leak.jpg").unlink()
    after = load(tmp_path, image_size=32)
    assert pixels(before.train, before.validation) == pixels(after.train, after.validation)


def test_class_of_one_picture_many_times_is_split_all_the_same(tmp_path):
    write_image_folder(tmp_path, cat=0, dog=20)
    for number in range(20):
        (tmp_path / "cat" / f"{number}.png").write_bytes(encode(photograph(seed=1), "PNG"))
    data = load(tmp_path)
    assert [counts(split) for split in (data.train, data.validation, data.test)] == [[16, 16], [2, 2], [2, 2]]


def test_images_that_do_not_fit_into_memory_are_the_same_from_a_file(tmp_path, monkeypatch):
    folder = write_image_folder(tmp_path / "pets", cat=20, dog=40)
    (folder / "cat" / "broken.png").write_bytes(b"text")
    in_memory = load(folder, skip_unreadable=True)
    monkeypatch.setattr(image_reading, "MOST_IN_MEMORY", 1000)
    scratch = tmp_path / "scratch"
    in_file = load(folder, skip_unreadable=True, scratch=scratch)
    assert in_file.fingerprint == in_memory.fingerprint
    for name in ("train", "validation", "test"):
        one, other = getattr(in_file, name), getattr(in_memory, name)
        assert isinstance(one.images, PixelFile)
        assert np.array_equal(one.images[:], other.images)
        assert np.array_equal(one.labels, other.labels)
    assert in_file.image_shape == (16, 16, 3)
    assert list(scratch.iterdir()) == []  # it has no name that a killed process would leave


def test_a_pixel_file_is_read_like_an_array(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3), dtype=np.uint8)
    file = PixelFile.create(9, (4, 5, 3), tmp_path)
    for number, image in enumerate(images):
        file.write(number, image)
    chosen = np.array([7, 1, 1])
    assert np.array_equal(file[3], images[3])
    assert np.array_equal(file[2:6], images[2:6])
    assert np.array_equal(file[chosen], images[chosen])
    part = file.rows(np.array([8, 2, 5]))
    del file
    assert np.array_equal(np.asarray(part), images[[8, 2, 5]])
    assert np.array_equal(part.rows(np.array([1]))[:], images[[2]])
    assert (len(part), part.shape, part.dtype) == (3, (3, 4, 5, 3), np.uint8)


def test_a_pixel_file_is_handed_to_another_process(tmp_path):
    """The process that writes what another backend has trained."""
    file = PixelFile.create(3, (4, 5, 3), tmp_path)
    for number in range(3):
        file.write(number, np.full((4, 5, 3), number, np.uint8))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(np.asarray, file.rows(np.array([2, 0]))).result(), file[np.array([2, 0])])


def test_a_pixel_file_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(NoSpace, match=r"GB; .* has .* GB left"):
        PixelFile.create(10**12, (224, 224, 3), tmp_path)
    assert os.listdir(tmp_path) == []


def test_progress_counts_the_files_of_all_splits(tmp_path):
    write_image_folder(tmp_path / "train", cat=3, dog=3)
    write_image_folder(tmp_path / "test", cat=1, dog=1)
    heard: list[tuple[int, int]] = []
    image_folder.load(tmp_path, image_size=16, progress=lambda *done: heard.append(done))
    assert heard == [(number, 8) for number in range(1, 9)]
