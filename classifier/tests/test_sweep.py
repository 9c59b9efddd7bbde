"""Files without a row are removed, rows without a file are reported, and the site may keep running."""

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from classifier.services.history.deletion import delete_prediction
from classifier.services.operations import sweep as service
from classifier.tests.factories import make_prediction
from classifier.tests.server import serve

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sweep(capsys):
    """A function that runs the command and returns what it said, errors included."""

    def run(*arguments: str) -> str:
        try:
            call_command("sweep", *arguments)
            said = ""
        except CommandError as error:
            said = str(error)
        captured = capsys.readouterr()
        return captured.out + captured.err + said

    return run


def leave_behind(media_root: Path, *names: str, hours: float = 2) -> list[str]:
    """Files of an upload that was killed so long ago."""
    if not names:
        upload_id = uuid4()
        names = tuple(f"{folder}/{upload_id.hex[:2]}/{upload_id}.jpg" for folder in ("uploads", "thumbnails"))
    for name in names:
        path = media_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        when = time.time() - 3600 * hours
        os.utime(path, (when, when))
    return list(names)


def age(media_root: Path, hours: float = 2) -> None:
    for path in media_root.rglob("*.*"):
        os.utime(path, (time.time() - 3600 * hours,) * 2)


def test_files_without_a_row_go_and_all_others_stay(media_root, stored_files, sweep):
    for seed in range(3):
        make_prediction(seed=seed)
    kept = stored_files()
    leave_behind(media_root)
    leave_behind(
        media_root, "uploads/odd.jpg", "uploads/zz/odd.jpg", "thumbnails/00/no-number.jpg", "uploads/00/x_y.png"
    )
    age(media_root)
    assert "6 files without an upload were removed (30" in sweep()
    assert stored_files() == kept
    assert sweep().startswith("0 files")


def test_dry_run_names_them_and_removes_nothing(media_root, stored_files, sweep):
    names = leave_behind(media_root)
    said = sweep("--dry-run")
    assert {*names} <= {*said.splitlines()}
    assert "2 files without an upload would be removed" in said
    assert stored_files() == sorted(names)


def test_upload_on_its_way_is_spared(media_root, stored_files, sweep):
    names = leave_behind(media_root, hours=0.9)
    assert sweep().startswith("0 files")
    assert stored_files() == sorted(names)
    assert sweep("--older-than", "50").startswith("2 files")
    assert stored_files() == []


def test_files_outside_of_the_sites_folders_are_nobodys_business(media_root, stored_files, sweep):
    leave_behind(media_root, ".gitkeep", "other/file.jpg")
    assert sweep().startswith("0 files")
    assert len(stored_files()) == 2


def test_row_that_comes_between_look_and_removal_keeps_its_files(media_root, stored_files, monkeypatch):
    """The first look finds no row, and then there is one."""
    prediction = make_prediction()
    age(media_root)
    monkeypatch.setattr(service, "_rows", lambda part: type(prediction.upload).objects.none())
    assert list(service.sweep()) == []
    assert len(stored_files()) == 2


def test_row_whose_file_has_another_number_keeps_it(media_root, stored_files, sweep):
    prediction = make_prediction()
    upload = prediction.upload
    upload.file.name = default_storage.save(f"uploads/ff/{uuid4()}.jpg", ContentFile(b"moved"))
    upload.save()
    age(media_root)
    assert sweep().startswith("1 files")
    assert upload.file.name in stored_files()


def test_rows_that_have_lost_a_file_are_reported_with_what_to_do(media_root, sweep):
    whole, robbed = make_prediction(seed=1), make_prediction(seed=2)
    (media_root / robbed.upload.thumbnail.name).unlink()
    said = sweep()
    assert f"Upload {robbed.upload_id} is missing {robbed.upload.thumbnail.name}\n" in said
    assert str(whole.upload_id) not in said
    assert "1 uploads are missing a file. Restore the files named above" in said
    delete_prediction(prediction=robbed)
    assert "is missing" not in sweep()


def test_disk_that_cannot_be_read_ends_the_sweep_with_the_reason(media_root, stored_files, sweep):
    leave_behind(media_root, "uploads/00/odd.jpg")
    (media_root / "thumbnails").write_text("no folder")
    assert "Stopped after 0 files: [Errno" in sweep()
    assert "uploads/00/odd.jpg" in stored_files()


def test_number_of_queries_does_not_grow_with_the_files(media_root, sweep, django_assert_max_num_queries):
    for seed in range(3):
        make_prediction(seed=seed)
    with django_assert_max_num_queries(256):
        list(service.sweep())


def test_server_sweeps_once_after_its_start_what_was_there_before_it(tmp_path):
    media = tmp_path / "media"
    before = leave_behind(media) + leave_behind(media, hours=0)
    with serve(tmp_path, WEB_CONCURRENCY="2", SWEEP_AFTER_MINUTES="0.05") as site:
        on_its_way = leave_behind(media, hours=-1)
        for _ in range(600):
            log = (site.folder / "log").read_text()
            if "files without an upload" in log:
                break
            time.sleep(0.1)
    assert log.count("4 files without an upload were removed") == 1
    assert not any((media / name).exists() for name in before)
    assert all((media / name).exists() for name in on_its_way)
