"""Commands are killed at several points: the site is as it was, and what they leave behind is removed."""

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from classifier.tests.factories import BASE_DIR
from classifier.tests.test_backup import LOOK, Place

#: Writes into a temporary folder of models until it is killed.
WRITE = """
import sys
from pathlib import Path
from ml.artifacts.folder import replacing, writing
with writing(Path(sys.argv[1]) / "new") as new, replacing(Path(sys.argv[1]) / "student_cnn" / "evaluation-x") as part:
    (new / "model.keras").write_bytes(b"half")
    (part / "figures.json").write_bytes(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Place:
    return Place.filled(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def saved(site) -> Path:
    site.run("backup", str(site.folder.parent / "site.tar"))
    return site.folder.parent / "site.tar"


@pytest.fixture
def used(site, tmp_path) -> Place:
    """The site, with another model than the archive has."""
    shutil.copytree(site.folder, tmp_path / "used", symlinks=True)
    (tmp_path / "used" / "models" / "student_cnn" / "curves.png").unlink()
    return Place(tmp_path / "used")


def leftovers(folder: Path) -> list[Path]:
    return [*folder.rglob("*.unfinished")]


def grow_old(folder: Path) -> None:
    for path in leftovers(folder):
        os.utime(path, (time.time() - 120,) * 2)


@contextmanager
def running(command: list[str], **options) -> Iterator[subprocess.Popen]:
    """A process that is killed when the block ends."""
    with subprocess.Popen([sys.executable, *command], cwd=BASE_DIR, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.endurance
@pytest.mark.parametrize(("times", "share"), [(0, 0.3), (1, 0.3), (1, 0.98)])
def test_killed_restore_leaves_the_site_as_it_was(used, saved, tmp_path, times, share):
    """It reads the archive from a pipe, once to check it and once more: it is killed where the pipe has got to."""
    before, looked, content = used.contents(), used.shell(LOOK), saved.read_bytes()
    pipe = tmp_path / "pipe.tar"
    os.mkfifo(pipe)
    with running(["manage.py", "restore", str(pipe), "--force"], env=used.env) as process:
        for _ in range(times):
            # Opening waits until it is read, and writing until all but the last of it was.
            with pipe.open("wb", buffering=0) as file:
                with suppress(BrokenPipeError):
                    file.write(content)
                no_reader = select.poll()
                no_reader.register(file, 0)
                no_reader.poll()
        with pipe.open("wb", buffering=0) as file:
            file.write(content[: int(share * len(content))])
            process.kill()
            process.wait()
    assert len(leftovers(used.folder)) == 1 + times
    assert {name: was for name, was in used.contents().items() if ".unfinished/" not in name} == before
    assert used.shell(LOOK) == looked
    grow_old(used.folder)
    assert "left behind by a killed command" in used.run("sweep")
    assert used.contents() == before
    used.run("restore", str(saved), "--force")
    assert used.shell(LOOK) == looked
    assert leftovers(used.folder) == []


def test_killed_backup_leaves_the_archive_before_and_the_next_one_clears_up(used, tmp_path):
    archives = tmp_path / "archives"
    archives.mkdir()
    used.run("backup", str(archives / "site.tar"))
    before = (archives / "site.tar").read_bytes()
    upload = next(path for path in (used.media / "uploads").rglob("*") if path.is_file())
    content = upload.read_bytes()
    upload.unlink()
    os.mkfifo(upload)
    # Opening waits until the file is read: the database is in the archive by then.
    with running(["manage.py", "backup", str(archives / "site.tar")], env=used.env) as process, upload.open("wb"):
        assert len(leftovers(archives)) == 2
        process.kill()
    assert (archives / "site.tar").read_bytes() == before
    upload.unlink()
    upload.write_bytes(content)
    assert len(leftovers(archives)) == 2
    grow_old(archives)
    used.run("backup", str(archives / "site.tar"))
    assert [path.name for path in archives.iterdir()] == ["site.tar"]


def test_model_of_a_killed_training_is_removed_and_of_a_running_one_kept(used):
    with running(["-c", WRITE, str(used.models)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        grow_old(used.folder)
        used.run("sweep")
        assert len(leftovers(used.folder)) == 2
    assert len(leftovers(used.folder)) == 2
    grow_old(used.folder)
    assert used.run("sweep", "--dry-run").count("left behind by a killed command") == 2
    assert len(leftovers(used.folder)) == 2
    used.run("sweep")
    assert leftovers(used.folder) == []


def test_young_leftover_may_be_about_to_be_locked_and_stays(used):
    (used.models / ".new-12345678.unfinished").mkdir()
    used.run("sweep")
    assert len(leftovers(used.folder)) == 1
