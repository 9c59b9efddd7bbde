"""What is on the disk, and in what order, by the calls to the system: a power failure takes nothing back."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.tests.factories import BASE_DIR, linked_model
from classifier.tests.migrated import migrate
from classifier.tests.test_backup import FILL, Place

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")

CHECKPOINT = """
import sys
from pathlib import Path
from ml.training.checkpoints import Checkpoints, EpochRecord
from ml.tests.factories import small_model
Checkpoints(Path(sys.argv[1])).save(small_model(), [EpochRecord(1, 1.0, 0.5, 1.0, 0.5, 0.001, 1.0)])
"""
MODEL = """
import sys
from pathlib import Path
from ml.artifacts.folder import replacing, writing
with writing(Path(sys.argv[1]) / "model") as new:
    (new / "model.keras").write_bytes(b"x")
with replacing(Path(sys.argv[1]) / "model" / "evaluation-x") as new:
    (new / "figures.json").write_bytes(b"x")
"""


def calls(trace: Path, command: list[str], env: dict[str, str]) -> list[str]:
    """Run a command and return "sync PATH" and "rename FROM TO", in order; names are relative to the trace's folder."""
    tracer = ["strace", "-f", "-y", "--seccomp-bpf", "-o", str(trace), "-e", "trace=fsync,fdatasync,rename,renameat2"]
    done = subprocess.run([*tracer, *command], cwd=BASE_DIR, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = []
    for line in trace.read_text().splitlines():
        if synced := re.search(r" f(?:data)?sync\(\d+<([^>]*)>", line):
            found.append(f"sync {synced[1]}")
        elif renamed := re.search(r' rename\("([^"]*)", "([^"]*)"\)', line):
            found.append(f"rename {renamed[1]} {renamed[2]}")
    return [re.sub(r"\.([\w.-]+)-\w{8}\.unfinished", r".\1", call.replace(f"{trace.parent}/", "")) for call in found]


def assert_in_order(calls: list[str], *expected: str) -> None:
    """Assert that after the first call of each kind there is one of the next."""
    place = -1
    for wanted in expected:
        places = [number for number, call in enumerate(calls) if number > place and re.fullmatch(wanted, call)]
        assert places, (wanted, calls)
        place = places[0]


@pytest.fixture
def site(tmp_path) -> Place:
    site = Place(tmp_path / "site")
    linked_model(site.models / "student_cnn")
    migrate(site.env)
    return site


def test_uploads_files_and_folders_are_on_the_disk_before_the_row_is(site, tmp_path):
    found = calls(tmp_path / "trace", [sys.executable, "manage.py", "shell", "--no-imports", "-c", FILL], site.env)
    wal = "sync site/db.sqlite3-wal"
    for folder in ("uploads", "thumbnails"):
        file = f"sync site/media/{folder}/../[0-9a-z-]*.jpg"
        assert_in_order(found, file, f"sync site/media/{folder}/..", f"sync site/media/{folder}", wal)
        assert_in_order(found, file, "sync site/media", wal)


def test_setting_turns_it_off(site, tmp_path):
    env = site.env | {"SYNC_TO_DISK": "false"}
    found = calls(tmp_path / "trace", [sys.executable, "manage.py", "shell", "--no-imports", "-c", FILL], env)
    assert not [call for call in found if "media/" in call]


def test_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path):
    found = calls(tmp_path / "trace", [sys.executable, "-c", CHECKPOINT, str(tmp_path / "run")], Place(tmp_path).env)
    folder = "run/checkpoints"
    named = rf"rename {folder}/writing-0001 {folder}/epoch-0001"
    for file in ("state.weights.h5", "history.json"):
        assert_in_order(found, rf"sync {folder}/writing-0001/{file}", named, f"sync {folder}")
    best = f"{folder}/best"
    assert_in_order(found, f"sync {best}.new", f"rename {best}.new {best}.weights.h5", named)


def test_model_is_on_the_disk_before_it_has_its_name(tmp_path):
    found = calls(tmp_path / "trace", [sys.executable, "-c", MODEL, str(tmp_path / "models")], Place(tmp_path).env)
    assert_in_order(
        found, "sync models/.model/model.keras", "sync models/.model", "rename .* models/model", "sync models"
    )
    part = "models/model/.evaluation-x/new"
    assert_in_order(found, f"sync {part}/figures.json", f"sync {part}", f"rename {part} .*", "sync models/model")


def test_archive_is_on_the_disk_before_it_has_its_name(site, tmp_path):
    file = tmp_path / "archives" / "site.tar"
    file.parent.mkdir()
    found = calls(tmp_path / "trace", [sys.executable, "manage.py", "backup", str(file)], site.env)
    assert_in_order(found, r"sync archives/\.site.*", "rename .* archives/site.tar", "sync archives")
