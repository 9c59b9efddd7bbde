"""The shipped model answers streams of pictures."""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from ml.images.errors import NotAnImage
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import BATCH_SIZE, BATCHES_AHEAD, Failed, Predicted, find_images, predict_stream
from ml.serving.inference import LoadedModel
from ml.tests.factories import photograph


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return LoadedModel(Path(__file__).parents[1] / "trained" / "student_cnn")


def decoded(seed: int) -> DecodedImage:
    return DecodedImage(photograph(48, 40, seed), "PNG", 48, 40)


def read(seed: int) -> tuple[DecodedImage, str]:
    """A picture for each number, but none for 5 and 11."""
    if seed == 5:
        raise NotAnImage
    if seed == 11:
        raise FileNotFoundError
    return decoded(seed), f"picture {seed}"


def flat(batches: Iterator[list]) -> list:
    return list(chain.from_iterable(batches))


def test_every_source_is_answered_in_order_as_it_would_be_alone(model):
    found = flat(predict_stream(model, range(21), read, threads=3))
    assert [item.source for item in found] == [*range(21)]
    assert [item.source for item in found if isinstance(item, Failed)] == [5, 11]
    for item in found:
        if isinstance(item, Predicted):
            alone = model.predict([model.prepare(photograph(48, 40, item.source))])
            assert item.kept == f"picture {item.source}"
            np.testing.assert_allclose(item.predictions.probabilities, alone.probabilities, atol=1e-6)
            assert item.predictions.abstained == alone.abstained
            assert item.predictions.probabilities.shape == (1, 10)


def test_the_reason_of_a_failure_is_kept(model):
    errors = [item.error for item in flat(predict_stream(model, [5, 11], read))]
    assert [type(error) for error in errors] == [NotAnImage, FileNotFoundError]


def test_no_sources_are_no_batches(model):
    assert list(predict_stream(model, [], read)) == []


def test_programming_error_is_not_reported_as_a_bad_file(model):
    def fail(source: int):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flat(predict_stream(model, range(100), fail))


def test_however_long_the_stream_only_so_much_of_it_is_held(model):
    threads, taken, alive, most_alive = 3, 0, 0, 0
    lock = threading.Lock()

    def count(change: int) -> None:
        nonlocal alive, most_alive
        with lock:
            alive += change
            most_alive = max(most_alive, alive)

    def counting_read(seed: int) -> tuple[DecodedImage, None]:
        picture = decoded(seed)
        count(1)
        weakref.finalize(picture, count, -1)
        return picture, None

    def sources() -> Iterator[int]:
        nonlocal taken
        for number in range(150):
            taken += 1
            yield number

    given, furthest = 0, 0
    for batch in predict_stream(model, sources(), counting_read, threads=threads):
        furthest = max(furthest, taken - given)
        given += len(batch)
    assert given == 150
    assert furthest <= BATCH_SIZE * BATCHES_AHEAD * threads
    # The one that a thread reads, and nothing of the batch behind it.
    assert most_alive <= threads


def test_all_threads_read_at_once(model):
    together = threading.Barrier(4, timeout=300)

    def meet(seed: int) -> tuple[DecodedImage, None]:
        if seed % BATCH_SIZE == 0:
            together.wait()
        return decoded(seed), None

    assert len(flat(predict_stream(model, range(4 * BATCH_SIZE), meet, threads=4))) == 4 * BATCH_SIZE


def test_closing_ends_the_threads(model):
    before = threading.active_count()
    with closing(predict_stream(model, iter(int, 1), read, threads=3)) as batches:
        assert len(next(batches)) == BATCH_SIZE
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "z/c.webp", "z/y/d.heic", "m/e.gif", ".git/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(tree: Path, **options) -> list[str]:
    return [os.path.relpath(path, tree) for path in find_images([tree], **options)]


def test_a_folder_stands_for_the_images_in_it(tree):
    assert names(tree) == ["a.PNG", "b.jpg"]


def test_recursive_reads_all_subfolders_in_a_fixed_order(tree):
    assert names(tree, recursive=True) == ["a.PNG", "b.jpg", "m/e.gif", "z/c.webp", "z/y/d.heic"]


def test_named_file_is_read_whatever_its_suffix(tree):
    paths = [tree / "notes.txt", tree / "m", tree / ".hidden.jpg", tree / "nowhere"]
    assert [*find_images(paths)] == [tree / "notes.txt", tree / "m" / "e.gif", tree / ".hidden.jpg", tree / "nowhere"]


def test_links_to_folders_are_not_followed_and_links_to_files_are(tree):
    (tree / "z" / "round").symlink_to(tree, target_is_directory=True)
    (tree / "z" / "b2.jpg").symlink_to(tree / "b.jpg")
    (tree / "z" / "lost.jpg").symlink_to(tree / "nowhere")
    assert names(tree / "z", recursive=True) == ["b2.jpg", "c.webp", "lost.jpg", "y/d.heic"]
    assert len([*find_images([tree / "z" / "round"])]) == 2


def test_a_pipe_in_a_folder_is_not_waited_for(tree):
    os.mkfifo(tree / "pipe.jpg")
    (tree / "link.jpg").symlink_to(tree / "pipe.jpg")
    assert names(tree) == ["a.PNG", "b.jpg"]


def test_unreadable_folder_is_reported_and_the_others_are_read(tree):
    errors: list[OSError] = []
    found = find_images([tree], recursive=True, on_error=errors.append)
    taken = [os.path.relpath(next(found), tree) for _ in range(2)]
    (tree / "m" / "e.gif").unlink()
    (tree / "m").rmdir()
    taken += [os.path.relpath(path, tree) for path in found]
    assert taken == ["a.PNG", "b.jpg", "z/c.webp", "z/y/d.heic"]
    assert [(error.filename, error.strerror) for error in errors] == [(str(tree / "m"), "No such file or directory")]
