"""An archive that was cut short or edited is refused with a reason, and nothing of the site is touched."""

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from classifier.services.operations.archive import MANIFEST, SUMS, ArchiveError, write_archive
from classifier.tests.factories import linked_model
from classifier.tests.migrated import migrate
from classifier.tests.test_backup import FILL, LOOK, Place, read_all

Members = dict[str, bytes]

#: Restores each archive of a folder, and prints its name and why it was refused.
RESTORE_EACH = """
import sys
from pathlib import Path
from django.core.management import CommandError, call_command
for file in sorted(Path({folder!r}).iterdir()):
    try:
        call_command("restore", str(file), force=True)
    except CommandError as error:
        print(file.name, "refused:", str(error).replace(chr(10), " "))
    else:
        print(file.name, "was restored")
"""
#: By how many kilobytes more memory was used at once than before.
RESTORE_AND_MEASURE = """
from pathlib import Path
from django.core.management import call_command
from django.test import Client
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
before = peak()
call_command("restore", {file!r})
print(peak() - before)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Place:
    return Place.filled(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def members(site) -> Members:
    """What an archive of the site has, without its list of checksums."""
    file = site.folder.parent / "site.tar"
    site.run("backup", str(file))
    with tarfile.open(file) as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar}
    del found[SUMS]
    return found


@pytest.fixture
def used(site, tmp_path) -> Place:
    """A site with something to lose."""
    shutil.copytree(site.folder, tmp_path / "used", symlinks=True)
    return Place(tmp_path / "used")


def write(path: Path, members: Members) -> Path:
    """An archive whose checksums are right: anybody can make one."""
    with write_archive(path) as archive:
        for name, content in members.items():
            archive.add(name, content)
    return path


def refusals(site: Place, archives: Path) -> dict[str, str]:
    """Why the site refuses each of a folder's archives; it is as it was."""
    before, looked = site.contents(), site.shell(LOOK)
    said = site.shell(RESTORE_EACH.format(folder=str(archives))).splitlines()
    assert site.contents() == before
    assert site.shell(LOOK) == looked
    assert [*site.folder.rglob(".*restore*")] == []
    found = dict(line.split(" refused: ") for line in said if " refused: " in line)
    assert sorted(found) == sorted(path.name for path in archives.iterdir()), said
    return found


def test_archive_cut_short_is_refused_whatever_its_kind(members, used, tmp_path):
    archives = tmp_path / "archives"
    archives.mkdir()
    for suffix in (".tar", ".tar.gz", *([".tar.zst"] if shutil.which("zstd") else [])):
        content = write(tmp_path / f"site{suffix}", members).read_bytes()
        for share in (0, 0.01, 0.5, 0.9):
            (archives / f"{share}{suffix}").write_bytes(content[: int(len(content) * share)])
    for reason in refusals(used, archives).values():
        assert reason.startswith("The archive is damaged"), reason
        assert "Use another one" in reason or "use another one" in reason


def edited(change: Callable[[dict], object]) -> Callable[[Members], Members]:
    """An archive whose manifest was changed."""

    def edit(members: Members) -> Members:
        manifest = json.loads(members[MANIFEST])
        change(manifest)
        return members | {MANIFEST: json.dumps(manifest).encode()}

    return edit


def with_row(statement: str) -> Callable[[Members], Members]:
    """An archive in whose database something was changed."""

    def edit(members: Members) -> Members:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(members["database/sqlite3"])
            database.execute(statement)
            database.commit()
            return members | {"database/sqlite3": database.serialize()}

    return edit


def without(beginning: str) -> Callable[[Members], Members]:
    return lambda members: {name: content for name, content in members.items() if not name.startswith(beginning)}


EDITS: dict[str, tuple[Callable[[Members], Members], str]] = {
    "no-json": (lambda members: members | {MANIFEST: b"{"}, "manifest.json is not one of a backup"),
    "deep-json": (lambda members: members | {MANIFEST: b"[" * 100_000}, "manifest.json is not one of a backup"),
    "list": (lambda members: members | {MANIFEST: b"[]"}, "manifest.json is not one of a backup"),
    "empty": (lambda members: members | {MANIFEST: b"{}"}, "manifest.json is not one of a backup"),
    "format": (edited(lambda values: values.update(format="1")), "manifest.json is not one of a backup"),
    "newer": (edited(lambda values: values.update(format=99)), "made by a newer version of the site"),
    "migrations": (edited(lambda values: values.update(migrations=[1])), "manifest.json is not one of a backup"),
    "uploads": (edited(lambda values: values.update(uploads=None)), "manifest.json is not one of a backup"),
    "count": (edited(lambda values: values.update(uploads=2)), "holds 2 files of 2 uploads, and not 2 of each"),
    "deleted": (
        edited(lambda values: values.update(deleted_meanwhile=["1 OR 1"])),
        "manifest.json is not one of a backup",
    ),
    "folders": (edited(lambda values: values.update(model_folders=["a"])), "manifest.json is not one of a backup"),
    "folder": (edited(lambda values: values.update(model_folders={"a": 3})), "manifest.json is not one of a backup"),
    "within": (
        edited(lambda values: values.update(model_folders={"a": "student_cnn", "b": "student_cnn/x"})),
        "lie within each other",
    ),
    "model": (edited(lambda values: values.update(model_folders={"a": "../x"})), "names a model '../x' that is not"),
    "vendor": (edited(lambda values: values.update(database="postgresql")), "has a database of the kind postgresql"),
    "no-manifest": (without(MANIFEST), "is not a complete backup"),
    "no-database": (without("database/"), "is not a complete backup"),
    "no-media": (without("media/thumbnails/"), "holds 1 files of 1 uploads, and not 2 of each"),
    "hidden": (lambda members: {"media/uploads/.htaccess": b"x", **members}, "media/uploads/.htaccess"),
    "elsewhere": (
        lambda members: {"media/index.html": b"x", **members},
        "contains 'media/index.html', which is not part",
    ),
    "line-end": (lambda members: {"media/uploads/a\nb": b"x", **members}, "which is not part of a backup"),
    "database": (lambda members: members | {"database/sqlite3": b"no database"}, "database in the archive is damaged"),
    "row-above": (with_row("UPDATE classifier_upload SET file = '../../../../etc/passwd'"), "which lies elsewhere"),
    "row-absolute": (with_row("UPDATE classifier_upload SET thumbnail = '/etc/passwd'"), "which lies elsewhere"),
    "row-hidden": (with_row("UPDATE classifier_upload SET file = 'uploads/../.secret_key'"), "which lies elsewhere"),
    "row-model": (with_row("UPDATE classifier_modelversion SET folder = '../../x'"), "which lies elsewhere"),
}


def test_edited_archive_is_refused_with_a_reason_before_anything_is_replaced(members, used, tmp_path):
    archives = tmp_path / "archives"
    archives.mkdir()
    for name, (edit, _reason) in EDITS.items():
        write(archives / name, edit(members))
    found = refusals(used, archives)
    assert [name for name, (_edit, reason) in EDITS.items() if reason not in found[name]] == [], found


@pytest.mark.skipif(not shutil.which("pg_dump"), reason="needs PostgreSQL's client programs")
def test_outside_row_on_postgresql_is_refused_before_anything_is_replaced(postgresql, site, tmp_path):
    here = Place(tmp_path / "here", DATABASE_URL=postgresql())
    linked_model(here.models / "student_cnn")
    migrate(here.env)
    here.shell(FILL)
    here.run("backup", str(tmp_path / "good.tar"))
    with tarfile.open(tmp_path / "good.tar") as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar if member.name != SUMS}
    here.shell("from classifier.models import Upload; Upload.objects.update(thumbnail='thumbnails/../../x.jpg')")
    url = here.env["DATABASE_URL"]
    dump = subprocess.run(["pg_dump", "--format=custom", f"--dbname={url}"], capture_output=True, check=True).stdout
    archives = tmp_path / "archives"
    archives.mkdir()
    write(archives / "bad.tar", members | {"database/postgresql": dump})
    other = Place(tmp_path / "other", DATABASE_URL=postgresql())
    other.run("restore", str(tmp_path / "good.tar"))
    assert "a row with a file that lies elsewhere. Nothing was restored." in refusals(other, archives)["bad.tar"]
    other.run("restore", str(tmp_path / "good.tar"), "--force")
    assert other.shell(LOOK).startswith("200 200 200 ")


def test_large_members_are_streamed(members, tmp_path):
    large = bytes(200 << 20)
    upload = next(name for name in members if name.startswith("media/uploads/"))
    file = write(tmp_path / "large.tar.gz", {**members, upload: large, "models/student_cnn/plot.png": large})
    other = Place(tmp_path / "other")
    # Half of one of them; the migrations of its database run in a process of their own.
    assert int(other.shell(RESTORE_AND_MEASURE.format(file=str(file))).splitlines()[-1]) < 100 << 10
    assert hashlib.sha256((other.folder / upload).read_bytes()).digest() == hashlib.sha256(large).digest()
    assert (other.models / "student_cnn" / "plot.png").stat().st_size == len(large)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_description_of_a_member_is_bounded(tmp_path, kind):
    """It is read whole, before it is known whose it is."""
    member = tarfile.TarInfo("media/uploads/x")
    member.type, member.size = kind, 2 << 20
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member, io.BytesIO(b"x" * member.size))
    with pytest.raises(ArchiveError, match="with a header that is too long"):
        read_all(tmp_path / "a.tar")


def test_sparse_member_is_refused(tmp_path):
    """A few bytes of the archive could be terabytes on the disk."""
    member = tarfile.TarInfo("media/uploads/x")
    member.type = tarfile.GNUTYPE_SPARSE
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(member)
    with pytest.raises(ArchiveError):
        read_all(tmp_path / "a.tar")
