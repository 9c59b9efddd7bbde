"""manage.py classify on folders: its table, what it stores, and what becomes of a run that is stopped."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from classifier.models import Prediction, Upload
from classifier.services.models.publishing import publish
from classifier.services.models.serving import active_model
from classifier.services.predictions.bulk import classify_files
from classifier.tests.factories import (
    BASE_DIR,
    certain_model,
    database_url,
    environment,
    image_bytes,
    make_prediction,
    make_user,
)
from ml.classes import CLASS_NAMES

NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "їжак.jpg"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Five images, one of them damaged, and two in folders below; and files that are none."""
    path = tmp_path / "pictures"
    (path / "below" / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.jpg", "d.jpg", "їжак.jpg", "below/f.jpg", "below/deep/g.jpg")):
        (path / name).write_bytes(image_bytes(seed=number))
    (path / "c.jpg").write_bytes(image_bytes()[:200])
    (path / "notes.txt").write_text("no image")
    return path


def classify(*arguments: object) -> tuple[list[str], str]:
    """What a run prints, and its error if it ends in one."""
    output, error = io.StringIO(), ""
    try:
        call_command("classify", *map(str, arguments), stdout=output, stderr=io.StringIO())
    except CommandError as problem:
        error = str(problem)
    return output.getvalue().splitlines(), error


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, strict=True))


def files_in(table: Path) -> list[str]:
    return [Path(row["file"]).name for row in rows(table)]


def test_a_folder_is_classified_in_order_and_a_bad_file_is_not_the_end(folder):
    lines, error = classify(folder)
    assert [Path(line.partition(": ")[0]).name for line in lines] == ["a.jpg", "b.jpg", "d.jpg", "їжак.jpg"]
    assert error == "1 of 5 files could not be classified."


def test_recursive_reads_the_subfolders(folder):
    (folder / "c.jpg").unlink()
    lines, error = classify(folder, "--recursive")
    assert [Path(line.partition(": ")[0]).name for line in lines][-2:] == ["f.jpg", "g.jpg"]
    assert (len(lines), error) == (6, "")


def test_folder_without_images_is_reported(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.jpg").write_bytes(image_bytes())
    assert "There are no images in" in classify(tmp_path)[1]
    assert "--recursive" in classify(tmp_path)[1]
    assert classify(tmp_path, "--recursive")[1] == ""


def test_the_summary_says_how_many_and_how_fast(folder):
    errors = io.StringIO()
    call_command("classify", folder / "a.jpg", folder / "b.jpg", stdout=io.StringIO(), stderr=errors)
    assert re.fullmatch(r"2 files classified in \d+\.\d s, [\d,]+\.\d per second\.\n", errors.getvalue())


def test_progress_is_shown_on_a_terminal_and_cleared(folder):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    call_command("classify", folder / "a.jpg", folder / "b.jpg", stdout=io.StringIO(), stderr=terminal)
    shown, _, after = terminal.getvalue().rpartition("\x1b[K")
    assert re.search(r"\x1b\[K2 of 2  [\d,.]+ per second  0:00:00 left", shown)
    assert after.startswith("2 files classified")


def test_table_contains_the_predictions(folder, tmp_path, shipped):
    table = tmp_path / "answers.csv"
    lines, error = classify(folder, "--csv", table)
    assert (lines, error) == ([], "1 of 5 files could not be classified.")
    answers = [json.loads(line) for line in classify(folder, "--json")[0]]
    found = rows(table)
    assert [row["file"] for row in found] == [str(folder / name) for name in NAMES]
    failed = found.pop(2)
    assert "damaged" in failed["error"]
    assert {value for name, value in failed.items() if name not in ("file", "error", "model")} == {""}
    for row, answer in zip(found, answers, strict=True):
        assert (row["file"], row["class"], row["model"]) == (answer["file"], answer["class"], str(shipped))
        assert float(row["confidence"]) == pytest.approx(answer["confidence"], abs=1e-6)
        assert row["abstained"] == json.dumps(answer["abstained"])
        probabilities = [float(row[f"probability_{name}"]) for name in CLASS_NAMES]
        assert probabilities == pytest.approx([*answer["probabilities"].values()], abs=1e-6)
        assert row["error"] == row["owner"] == row["upload"] == ""
    assert not Upload.objects.exists()


def test_json_is_printed_beside_the_table(folder, tmp_path):
    lines, _error = classify(folder, "--csv", tmp_path / "answers.csv", "--json")
    assert [json.loads(line)["file"] for line in lines] == [
        row["file"] for row in rows(tmp_path / "answers.csv") if not row["error"]
    ]


def test_names_that_a_spreadsheet_would_compute_are_still_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=1+1.jpg", "@SUM(A1).jpg", "+1.jpg", "-1.jpg", 'a";=b,c.jpg', "two\nlines.jpg", "\tt.jpg"]
    for name in names:
        Path(name).write_bytes(image_bytes())
    Path(os.fsdecode(b"not-\xff-utf8.jpg")).write_bytes(image_bytes())
    paths = ["--", *names, os.fsdecode(b"not-\xff-utf8.jpg")]
    for _ in range(2):
        assert classify("--csv", "answers.csv", *paths)[1] == ""
        found = [row["file"] for row in rows(Path("answers.csv"))]
        assert found[:5] == ["./=1+1.jpg", "./@SUM(A1).jpg", "./+1.jpg", "./-1.jpg", 'a";=b,c.jpg']
        assert len(found) == 8
        assert "not-\\xff-utf8.jpg" in found
        assert all(Path(name).is_file() for name in found if "\\xff" not in name)
        assert Path("answers.csv").read_bytes().startswith(b"\xef\xbb\xbf")
        assert not [cell for row in rows(Path("answers.csv")) for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]


def test_a_name_that_is_no_text_is_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.jpg")
    path.write_bytes(image_bytes())
    assert "\\udcff.jpg: " in classify(path)[0][0]
    assert json.loads(classify(path, "--json")[0][0])["file"] == str(path)


def test_an_owner_that_a_spreadsheet_would_compute_has_an_apostrophe(folder, tmp_path):
    make_user("@olena")
    classify(folder, "--csv", tmp_path / "answers.csv", "--save", "--owner", "@olena")
    assert {row["owner"] for row in rows(tmp_path / "answers.csv")} == {"'@olena"}
    assert classify(folder, "--csv", tmp_path / "answers.csv", "--save", "--owner", "@olena")[0] == []
    assert len(rows(tmp_path / "answers.csv")) == 5


def test_a_finished_run_started_again_does_nothing_more(folder, tmp_path):
    table = tmp_path / "answers.csv"
    first = classify(folder, "--csv", table)
    content = table.read_bytes()
    errors = io.StringIO()
    with pytest.raises(CommandError, match=re.escape(first[1])):
        call_command("classify", folder, "--csv", table, stdout=io.StringIO(), stderr=errors)
    assert re.fullmatch(r"0 files classified in \d\.\d s, 4 were already done\.\n", errors.getvalue())
    assert table.read_bytes() == content


def test_wherever_a_table_is_cut_the_next_run_makes_it_whole(folder, tmp_path):
    (folder / "b.jpg").rename(folder / 'b ".\r\n".jpg')
    table = tmp_path / "answers.csv"
    classify(folder, "--csv", table)
    whole = table.read_bytes()
    for place in {0, 1, whole.index(b"\n"), *range(whole.index(b"\n") + 1, len(whole), 37), len(whole) - 1}:
        table.write_bytes(whole[:place])
        classify(folder, "--csv", table)
        assert table.read_bytes() == whole


def test_truncated_row_is_removed_even_without_a_new_one(folder, tmp_path):
    table = tmp_path / "answers.csv"
    classify(folder, "--csv", table)
    whole = table.read_bytes()
    table.write_bytes(whole[:-1])
    (folder / NAMES[-1]).unlink()
    classify(folder, "--csv", table)
    assert table.read_bytes() == b"".join(whole.splitlines(keepends=True)[:-1])


def test_new_files_are_added_to_a_finished_table(folder, tmp_path):
    table = tmp_path / "answers.csv"
    classify(folder, "--csv", table)
    (folder / "aa.jpg").write_bytes(image_bytes(seed=9))
    classify(folder, "--csv", table)
    assert files_in(table) == [*NAMES, "aa.jpg"]


def test_the_answers_of_two_models_are_not_put_into_one_table(folder, tmp_path):
    table = tmp_path / "answers.csv"
    classify(folder, "--csv", table)
    content = table.read_bytes()
    publish(folder=certain_model(tmp_path / "certain"))
    _lines, error = classify(folder, "--csv", table, "--model", "certain")
    assert "holds answers of student_cnn v1, and this run would add those of certain v1. Name another file" in error
    assert table.read_bytes() == content


def test_a_table_without_an_owner_is_not_gone_on_with_for_one(folder, tmp_path, user):
    classify(folder, "--csv", tmp_path / "answers.csv")
    _lines, error = classify(folder, "--csv", tmp_path / "answers.csv", "--save")
    assert "would add those of student_cnn v1, stored for olena" in error
    assert not Upload.objects.exists()


@pytest.mark.parametrize("content", ["a line without an end", "a,table,of\r\nsomething,else,0\r\n", '"file","cl\n'])
def test_another_file_is_left_as_it_is(content, folder, tmp_path):
    (tmp_path / "mine.csv").write_text(content, newline="")
    assert "has not the columns of a table for student_cnn v1" in classify(folder, "--csv", tmp_path / "mine.csv")[1]
    assert (tmp_path / "mine.csv").read_text() == content.replace("\r\n", "\n")


def test_unwritable_table_is_reported(folder, tmp_path):
    assert "cannot be written (No such file or directory)" in classify(folder, "--csv", tmp_path / "no" / "a.csv")[1]
    assert "cannot be written (Is a directory)" in classify(folder, "--csv", tmp_path)[1]


@contextmanager
def stuck_run(*arguments: object, folder: Path, until: Callable[[], bool]) -> Iterator[subprocess.Popen]:
    """A run of the command in a process of its own, from the moment when `until` holds."""
    env = environment(folder, DATABASE_URL=database_url())
    command = [sys.executable, "manage.py", "classify", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that were started in the background ignore Ctrl-C, and their children would too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    try:
        while not until():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def blocked(tmp_path) -> list[Path]:
    """Twenty images, something that is read for ever, and twenty more."""
    for side in ("first", "last"):
        (tmp_path / side).mkdir()
        for number in range(20):
            (tmp_path / side / f"{number:02}.jpg").write_bytes(image_bytes(seed=number, width=48, height=40))
    os.mkfifo(tmp_path / "between.jpg")
    return [tmp_path / "first", tmp_path / "between.jpg", tmp_path / "last"]


def test_killed_run_resumes_where_it_stopped(blocked, tmp_path):
    table = tmp_path / "answers.csv"
    with stuck_run(*blocked, "--csv", table, folder=tmp_path, until=lambda: table.exists() and len(rows(table)) == 20):
        assert "is being written by another run" in classify(*blocked, "--csv", table)[1]
    before = table.read_bytes()
    with table.open("ab") as file:
        file.write(b'"/half a row')
    blocked[1].unlink()
    blocked[1].write_bytes(image_bytes())
    assert classify(*blocked, "--csv", table)[1] == ""
    assert table.read_bytes().startswith(before)
    images = [f"{number:02}.jpg" for number in range(20)]
    assert files_in(table) == [*images, "between.jpg", *images]


def test_ctrl_c_ends_a_run_and_keeps_what_is_done(blocked, tmp_path):
    table = tmp_path / "answers.csv"
    until = lambda: table.exists() and len(rows(table)) == 20  # noqa: E731
    with stuck_run(*blocked, "--csv", table, folder=tmp_path, until=until) as process:
        process.send_signal(signal.SIGINT)
        # Lets go of the thread that reads it.
        with blocked[1].open("wb") as pipe:
            pipe.write(image_bytes())
        _output, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Stopped after 20 files. Run the same command again to resume." in errors
    assert "Traceback" not in errors
    assert len(rows(table)) == 20


def test_saving_stores_as_the_page_does(folder, tmp_path, user, stored_files):
    page = make_prediction(user, name="a.jpg")
    lines, error = classify(folder / "a.jpg", "--save", "--owner", "olena", "--json")
    assert error == ""
    saved = Prediction.objects.exclude(pk=page.pk).get()
    assert json.loads(lines[0])["upload"] == str(saved.upload_id)
    for field in Upload._meta.get_fields():
        if field.concrete and field.name not in ("id", "file", "thumbnail", "created_at"):
            assert getattr(saved.upload, field.name) == getattr(page.upload, field.name)
    for field in Prediction._meta.get_fields():
        if field.concrete and field.name not in ("id", "upload", "timings", "created_at"):
            assert getattr(saved, field.name) == getattr(page, field.name)
    assert sorted(saved.timings) == sorted(page.timings)
    assert saved.upload.file.read() == page.upload.file.read() == (folder / "a.jpg").read_bytes()
    assert saved.upload.thumbnail.read() == page.upload.thumbnail.read()
    assert len(stored_files()) == 4


def consistent(stored_files: Callable[[], list[str]]) -> bool:
    """Whether every row has its files, and every file its row."""
    named = [name for upload in Upload.objects.all() for name in (upload.file.name, upload.thumbnail.name)]
    return sorted(named) == stored_files() and Prediction.objects.count() == Upload.objects.count()


def test_nothing_is_stored_twice(folder, user, stored_files):
    lines, error = classify(folder, "--save")
    assert "1 of 5" in error
    kept = set(Prediction.objects.values_list("pk", flat=True))
    assert sorted(Upload.objects.values_list("original_name", flat=True)) == ["a.jpg", "b.jpg", "d.jpg", "їжак.jpg"]
    (folder / "below" / "a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "below" / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    again, _error = classify(folder, folder / "below", "--save")
    assert again[:4] == lines
    assert [Path(line.partition(": ")[0]).name for line in again[4:]] == ["a.jpg", "copy.jpg", "f.jpg"]
    assert kept < set(Prediction.objects.values_list("pk", flat=True))
    assert Upload.objects.count() == 6
    assert consistent(stored_files)


def test_another_account_and_another_model_have_their_own(folder, tmp_path, user):
    make_user("taras")
    publish(folder=certain_model(tmp_path / "certain"))
    for owner, model in (("olena", "student_cnn"), ("taras", "student_cnn"), ("olena", "certain")) * 2:
        classify(folder / "a.jpg", "--save", "--owner", owner, "--model", model)
    stored = Prediction.objects.values_list("upload__owner__username", "model_version__name").order_by("created_at")
    assert [*stored] == [("olena", "student_cnn"), ("taras", "student_cnn"), ("olena", "certain")]


def test_two_that_save_the_same_at_once_store_it_once(folder, user, stored_files):
    served = active_model()

    def paths() -> Iterator[Path]:
        # The other run has looked what is stored before this one stores.
        [[outcome]] = classify_files(paths=[folder / "a.jpg"], served=served, owner=user)
        assert not outcome.stored_before
        yield folder / "a.jpg"

    [[outcome]] = classify_files(paths=paths(), served=served, owner=user)
    assert outcome.stored_before
    assert outcome.prediction == Prediction.objects.get()
    assert consistent(stored_files)


def test_a_file_that_is_changed_between_is_not_stored(folder, user, stored_files):
    os.mkfifo(folder / "pipe")

    def change() -> None:
        # The pipe is read by the same thread and after the other, so that one has been read now.
        with (folder / "pipe").open("wb") as pipe:
            (folder / "a.jpg").write_bytes(image_bytes(seed=99))
            pipe.write(b"no image")

    threading.Thread(target=change).start()
    outcomes = classify_files(paths=[folder / "a.jpg", folder / "pipe"], served=active_model(), owner=user)
    [[changed, _pipe]] = outcomes
    assert changed.error == "The file was changed while it was read."
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_killed_run_that_stores_resumes_without_partial_uploads(tmp_path, user, media_root, stored_files):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.jpg").write_bytes(image_bytes(seed=number, width=48, height=40))
    # The run cannot come to its end before it is killed.
    os.mkfifo(tmp_path / "endless.jpg")
    paths = [folder, tmp_path / "endless.jpg"]
    with stuck_run(*paths, "--save", folder=tmp_path, until=lambda: len(stored_files()) >= 5):
        pass
    assert Upload.objects.exists()
    assert classify(folder, "--save")[1] == ""
    names = Upload.objects.order_by("original_name").values_list("original_name", flat=True)
    assert [*names] == [f"{number:02}.jpg" for number in range(60)]
    assert consistent(stored_files)


def test_files_that_a_kill_left_without_their_row_are_taken_over(folder, user, media_root, stored_files):
    classify(folder / "a.jpg", "--save")
    upload = Upload.objects.get()
    halves = {name: (media_root / name).read_bytes() for name in (upload.file.name, upload.thumbnail.name)}
    upload.delete()
    for name, content in halves.items():
        (media_root / name).parent.mkdir(parents=True, exist_ok=True)
        (media_root / name).write_bytes(content[:10])
    classify(folder / "a.jpg", "--save")
    assert consistent(stored_files)
    assert Upload.objects.get().file.read() == (folder / "a.jpg").read_bytes()


def test_save_requires_an_existing_account(folder, user):
    make_user("taras")
    assert "Name the account" in classify(folder, "--save")[1]
    assert "There is no account 'nobody'" in classify(folder, "--save", "--owner", "nobody")[1]
    assert "--owner requires --save" in classify(folder, "--owner", "olena")[1]
    User.objects.all().delete()
    assert "Name the account" in classify(folder, "--save")[1]
    assert not Upload.objects.exists()


def test_the_site_s_limits_hold(folder, settings):
    settings.MAX_UPLOAD_MEGABYTES = 1
    (folder / "c.jpg").write_bytes(b"\0" * 1_000_001)
    errors = io.StringIO()
    with pytest.raises(CommandError, match="1 of 5"):
        call_command("classify", folder, stdout=io.StringIO(), stderr=errors)
    assert "c.jpg: The file is larger than 1 MB." in errors.getvalue()
