import errno
import json
from pathlib import Path

import pytest

from ml.artifacts import folder as artifacts
from ml.artifacts.folder import (
    ArtifactError,
    check_name,
    load_card,
    read_history,
    save_card,
    save_evaluation,
    verify,
    writing,
)
from ml.tests.factories import card, write_model_files


@pytest.fixture
def folder(tmp_path):
    """A model folder with stand-ins for its files and a card."""
    save_card(write_model_files(tmp_path / "model"), card())
    return tmp_path / "model"


def test_folder_appears_whole_when_the_block_ends(tmp_path):
    with writing(tmp_path / "deep" / "model") as temporary:
        (temporary / "file").write_text("content")
        assert not (tmp_path / "deep" / "model").exists()
    assert (tmp_path / "deep" / "model" / "file").read_text() == "content"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]


def test_folder_can_be_read_by_other_users(tmp_path):
    with writing(tmp_path / "model"):
        pass
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_when_the_block_fails(tmp_path, error):
    def fail():
        with writing(tmp_path / "model") as temporary:
            (temporary / "half").write_text("content")
            raise error

    with pytest.raises(error):
        fail()
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_never_overwritten(folder):
    before = (folder / "card.json").read_bytes()
    with pytest.raises(ArtifactError, match="already exists"), writing(folder):
        pytest.fail("entered")
    assert (folder / "card.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_folder_that_appears_meanwhile_is_not_written_over(tmp_path):
    def write_twice():
        with writing(tmp_path / "model"), writing(tmp_path / "model") as inner:
            (inner / "first").touch()

    with pytest.raises(OSError, match="model"):
        write_twice()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "first"]


def test_card_survives_its_file(tmp_path):
    written = card(
        class_names=("кішка", "пес"),
        metrics={"test": {"accuracy": 0.5}},
        calibration={"temperature": 1.3},
        abstention={"score": "energy", "coverage": 0.95, "thresholds": {"energy": -1.5}},
    )
    saved = save_card(write_model_files(tmp_path), written)
    assert load_card(tmp_path) == saved
    assert {**saved.as_dict(), "files": {}} == written.as_dict()
    assert set(saved.files) == {"model.keras", "model.tflite", "statistics.npz"}
    assert verify(tmp_path) == saved


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "statistics.npz"])
def test_changed_or_missing_file_is_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b"!")
    with pytest.raises(ArtifactError, match=f"{name} is not the file"):
        verify(folder)
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        verify(folder)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "statistics.npz"])
def test_card_without_a_files_checksum_is_refused(folder, name):
    values = json.loads((folder / "card.json").read_text())
    del values["files"][name]
    (folder / "card.json").write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match=f"no checksum of {name}"):
        verify(folder)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[]", "not a card of format 2"),
        (b"{}", "not a card of format 2"),
        (b'{"format": 1}', "not a card of format 2"),
        (b'{"format": 3}', "not a card of format 2"),
        (b'{"format": 2}', "class_names"),
        (b'{"format": 2, "class_names": [], "input_shape": []}', "lacks"),
        (b'{"format": 2, "class_names": [], "input_shape": null}', "lacks"),
    ],
)
def test_damaged_card_is_named(folder, content, complaint):
    (folder / "card.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=complaint) as caught:
        load_card(folder)
    assert str(folder / "card.json") in str(caught.value)


def test_card_with_an_unknown_entry_is_refused(folder):
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**values, "surprise": 1}))
    with pytest.raises(ArtifactError, match="surprise"):
        load_card(folder)


def test_folder_without_a_card_is_no_model(tmp_path):
    with pytest.raises(ArtifactError, match="not a model folder"):
        load_card(tmp_path)


def test_digest_changes_with_any_file_and_with_the_card(tmp_path):
    def digest(folder: str, name: str = "one", **contents: bytes) -> str:
        return save_card(write_model_files(tmp_path / folder, **contents), card(name=name)).digest

    same = [digest("a"), digest("b")]
    others = [digest(kind, **{kind: b"other"}) for kind in ("keras", "tflite", "npz")]
    others.append(digest("c", name="two"))
    assert same[0] == same[1]
    assert len({*same, *others}) == 5


@pytest.mark.parametrize("name", ["a", "student_cnn", "2-nets", "x" * 63])
def test_plain_names_are_allowed(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "-a", "_a", "a b", "a\n", "x" * 64, "кіт", ".hidden"])
def test_names_that_could_harm_a_path_are_refused(name):
    with pytest.raises(ArtifactError, match="cannot be called"):
        check_name(name)


def test_history_is_read_as_it_was_written(tmp_path):
    rows = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5}]
    (tmp_path / artifacts.HISTORY_FILE).write_text(json.dumps(rows))
    assert read_history(tmp_path) == rows


def draw_nothing(target: Path) -> None: ...


def draw_a_picture(target: Path) -> None:
    (target / "picture.png").write_bytes(b"picture")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_evaluation_appears_whole_with_its_pictures_and_can_be_read_by_other_users(folder):
    def draw(target):
        assert not (folder / "evaluation-test").exists()
        draw_a_picture(target)

    figures = {"model": "кішка", "accuracy": 0.5}
    kept = save_evaluation(folder, "test", figures, draw)
    assert kept == folder / "evaluation-test"
    assert names_in(kept) == ["figures.json", "picture.png"]
    assert json.loads((kept / "figures.json").read_text(encoding="utf-8")) == figures
    assert "кішка" in (kept / "figures.json").read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o777 == 0o755


def test_an_evaluation_leaves_the_model_as_it_was(folder):
    names, before = names_in(folder), verify(folder)
    save_evaluation(folder, "test", {}, draw_nothing)
    assert verify(folder).digest == before.digest
    assert names_in(folder) == sorted([*names, "evaluation-test"])


def test_evaluation_replaces_the_earlier_one_of_its_name(folder):
    other = save_evaluation(folder, "validation", {"accuracy": 0.1}, draw_a_picture)
    save_evaluation(folder, "test", {"accuracy": 0.5}, draw_a_picture)
    before = names_in(folder)
    kept = save_evaluation(folder, "test", {"accuracy": 0.6}, draw_nothing)
    assert names_in(folder) == before
    assert names_in(kept) == ["figures.json"]
    assert json.loads((kept / "figures.json").read_text()) == {"accuracy": 0.6}
    assert names_in(other) == ["figures.json", "picture.png"]


@pytest.mark.parametrize("error", [RuntimeError, ImportError, KeyboardInterrupt])
def test_a_drawing_that_fails_leaves_the_earlier_evaluation_and_nothing_else(folder, error):
    def fail(target):
        draw_a_picture(target)
        raise error

    kept = save_evaluation(folder, "test", {"accuracy": 0.5}, draw_a_picture)
    before = names_in(folder)
    with pytest.raises(error):
        save_evaluation(folder, "test", {"accuracy": 0.6}, fail)
    assert names_in(folder) == before
    assert names_in(kept) == ["figures.json", "picture.png"]
    assert json.loads((kept / "figures.json").read_text()) == {"accuracy": 0.5}


def test_figures_that_are_no_json_leave_nothing(folder):
    before = names_in(folder)
    with pytest.raises(TypeError):
        save_evaluation(folder, "test", {"accuracy": object()}, draw_a_picture)
    assert names_in(folder) == before


@pytest.mark.parametrize("place", ["missing", "model/card.json"])
def test_an_evaluation_of_a_folder_that_cannot_be_written_to_is_refused(folder, place):
    with pytest.raises(ArtifactError, match="evaluation-test cannot be written") as caught:
        save_evaluation(folder.parent / place, "test", {}, draw_nothing)
    assert place in str(caught.value)


def test_a_disk_that_is_full_leaves_the_earlier_evaluation(folder):
    def fail(target):
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = save_evaluation(folder, "test", {}, draw_a_picture)
    before = names_in(folder)
    with pytest.raises(ArtifactError, match=r"evaluation-test cannot be written \(No space left"):
        save_evaluation(folder, "test", {}, fail)
    assert names_in(folder) == before
    assert names_in(kept) == ["figures.json", "picture.png"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"name": "../model"}, "names a model or a network '../model'"),
        ({"networks": {"../other": {}}}, "names a model or a network '../other'"),
        ({"class_names": ["cat\n", "dog"]}, r"has the class 'cat\\n'"),
        ({"class_names": ["x" * 101, "dog"]}, "A class has 1 to 100 printable characters"),
        ({"class_names": ["", "dog"]}, "has the class ''"),
        ({"class_names": ["a/b", "dog"]}, "has the class 'a/b'"),
        ({"class_names": ["=1+1", "dog"]}, "takes that for a formula"),
        ({"class_names": ["..", "dog"]}, "more than dots"),
        ({"class_names": [["cat"], "dog"]}, "lacks or has too many entries"),
    ],
)
def test_card_with_a_name_that_cannot_be_stored_or_shown_is_refused(folder, entries, message):
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(values | entries))
    with pytest.raises(ArtifactError, match=message):
        load_card(folder)
