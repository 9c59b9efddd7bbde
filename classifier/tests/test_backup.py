"""A site goes into an archive while it is used, and comes out of it whole; a bad archive changes nothing."""

import hashlib
import io
import shutil
import sqlite3
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from classifier.services.operations import archive
from classifier.services.operations.archive import ArchiveError, read_archive, write_archive
from classifier.tests.factories import environment, linked_model, manage
from classifier.tests.migrated import migrate
from classifier.tests.people import Person
from classifier.tests.server import serve

#: Makes an account with one upload in a site of its own, and prints the prediction's number.
FILL = """
from classifier.tests.factories import make_prediction, make_user
print(make_prediction(make_user("olena")).pk)
"""
#: Asks as the account's owner for everything there is to see, and prints how each is answered.
LOOK = """
from django.contrib.auth.models import User
from django.test import Client
from classifier.models import Prediction
client = Client(); client.force_login(User.objects.get())
prediction = Prediction.objects.get()
for page in (f"predictions/{prediction.pk}", f"uploads/{prediction.upload_id}"):
    for part in (["/"] if "predictions" in page else ["/image", "/thumbnail"]):
        print(client.get(f"/{page}{part}").status_code, end=" ")
print(prediction.pk)
"""


class Place:
    """Where a site is, or may come to be: nothing of it is anywhere else."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.models, self.media = folder, folder / "models", folder / "media"
        folder.mkdir(exist_ok=True)
        self.env = environment(folder, MODELS_DIR=str(self.models), ALLOWED_HOSTS="testserver", **variables)

    @classmethod
    def filled(cls, folder: Path) -> "Place":
        """A site with a model and an upload."""
        site = cls(folder)
        linked_model(site.models / "student_cnn")
        migrate(site.env)
        site.shell(FILL)
        return site

    def run(self, *arguments: str, fails: bool = False) -> str:
        done = manage(*arguments, env=self.env)
        assert bool(done.returncode) == fails, done.stderr
        return done.stderr if fails else done.stdout

    def shell(self, script: str) -> str:
        return self.run("shell", "--no-imports", "--command", script).strip()

    def database(self) -> closing:
        return closing(sqlite3.connect(self.folder / "db.sqlite3"))

    def contents(self) -> dict[str, bytes]:
        """Every file there is but the database's own."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and "sqlite3" not in path.name]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Place:
    return Place.filled(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def saved(site) -> Path:
    file = site.folder.parent / "site.tar.gz"
    said = site.run("backup", str(file))
    assert "1 uploads and 1 models" in said
    return file


@pytest.fixture
def other(tmp_path) -> Place:
    return Place(tmp_path / "other")


@pytest.mark.endurance
def test_backup_of_a_busy_site_restores_every_row_with_its_file(tmp_path, other):
    here, ended = Place(tmp_path / "here"), threading.Event()
    linked_model(here.models / "student_cnn")
    file, people = tmp_path / "site.tar", [Person(number) for number in range(2)]
    with serve(here.folder, MODELS_DIR=str(here.models), WEB_CONCURRENCY="1") as served, ThreadPoolExecutor() as pool:
        for person in people:
            person.act(served.address)
        before = [next(iter(person.kept)) for person in people]
        using = [pool.submit(person.go_on, lambda: served.address, ended) for person in people]
        try:
            here.run("backup", str(file))
        finally:
            ended.set()
        assert [one.result() for one in using] == [None, None]
    assert len(before) < sum(person.answers for person in people)

    other.run("restore", str(file))
    with other.database() as database:
        rows = database.execute("SELECT file, thumbnail, sha256 FROM classifier_upload").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(rows) >= len(people)
    for name, thumbnail, sha256 in rows:
        assert hashlib.sha256((other.media / name).read_bytes()).hexdigest() == sha256
        assert (other.media / thumbnail).stat().st_size
    # It is the same site: everybody is still known, and finds what was uploaded.
    with serve(other.folder, MODELS_DIR=str(other.models), WEB_CONCURRENCY="1") as served:
        for person, number in zip(people, before):
            if number in person.kept:  # and was not deleted since
                assert number in person.open(f"{served.address}/predictions/{number}/", None)
        people[0].kept.clear()  # what came after the backup is not there to be deleted
        assert people[0].act(served.address) is None


@pytest.mark.parametrize("name", ["site.tar", "site.tar.zst"])
def test_archive_may_be_compressed_or_not(site, other, tmp_path, name):
    if name.endswith("zst") and not shutil.which("zstd"):
        pytest.skip("needs zstd")
    site.run("backup", str(tmp_path / name))
    other.run("restore", str(tmp_path / name))
    assert other.shell(LOOK).startswith("200 200 200 ")
    assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert [*tmp_path.glob(".*"), *other.models.glob(".*")] == []


def test_plain_archive_can_be_checked_without_this_site(saved, tmp_path):
    with tarfile.open(saved) as tar:
        tar.extractall(tmp_path, filter="data")
    for line in (tmp_path / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256


def test_site_that_has_something_is_replaced_by_force_alone(site, saved, other, tmp_path):
    linked_model(other.models / "student_cnn")
    migrate(other.env)
    mine = other.shell(FILL)
    before = other.contents()
    assert "--force" in other.run("restore", str(saved), fails=True)
    assert other.contents() == before
    assert other.shell(LOOK) == f"200 200 200 {mine}"
    other.run("restore", str(saved), "--force")
    assert other.shell(LOOK) == site.shell(LOOK) != f"200 200 200 {mine}"
    other.run("sweep", "--older-than", "0")
    assert len([*other.media.rglob("*.jpg")]) == 2


def test_archive_of_an_older_version_is_brought_up_to_date(saved, other, tmp_path):
    older = Place(tmp_path / "older")
    older.run("restore", str(saved))
    older.run("migrate", "classifier", "0001", "--verbosity", "0")
    older.run("backup", str(tmp_path / "older.tar"))
    other.run("restore", str(tmp_path / "older.tar"))
    assert other.shell(LOOK).startswith("200 200 200 ")


def test_archive_of_a_newer_version_is_refused(saved, other, tmp_path):
    newer = Place(tmp_path / "newer")
    newer.run("restore", str(saved))
    with newer.database() as database:
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('classifier', '9999_new', '2030')")
        database.commit()
    newer.run("backup", str(tmp_path / "newer.tar"))
    said = other.run("restore", str(tmp_path / "newer.tar"), fails=True)
    assert "made by a newer version of the site (its database has classifier.9999_new)" in said
    assert other.contents() == {}


def test_damaged_archive_is_refused_and_nothing_is_touched(saved, other, tmp_path):
    with tarfile.open(saved) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}
    name = next(name for name in members if name.startswith("media/uploads"))
    file = write(tmp_path / "damaged.tar", members | {name: members[name][:-1] + b"?"})
    assert f"The archive is damaged: {name} does not match its checksum" in other.run("restore", str(file), fails=True)
    assert other.contents() == {}


def test_upload_that_has_lost_its_file_is_named(saved, tmp_path):
    poor = Place(tmp_path / "poor")
    poor.run("restore", str(saved))
    next((poor.media / "thumbnails").rglob("*.jpg")).unlink()
    done = manage("backup", str(tmp_path / "poor.tar"), env=poor.env)
    assert done.returncode == 0
    assert "is missing a file" in done.stderr


def write(path: Path, members: dict[str, bytes]) -> Path:
    """A tar file as it comes, of ordinary files."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def whole(path: Path) -> Path:
    with write_archive(path) as writer:
        writer.add("media/uploads/one", b"1" * 5000)
        writer.add("manifest.json", b"{}")
    return path


def read_all(path: Path) -> list[str]:
    return [name for name, _content in read_archive(path)]


def test_whole_archive_is_read(tmp_path):
    assert read_all(whole(tmp_path / "a.tar")) == ["media/uploads/one", "manifest.json"]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_archive_cut_short_anywhere_is_refused(tmp_path, suffix):
    path = whole(tmp_path / f"a{suffix}")
    content = path.read_bytes()
    # What follows the list of checksums is filling.
    end = content.find(b"  manifest.json\n") if suffix == ".tar" else len(content) - 10
    for length in range(0, end, 41):
        path.write_bytes(content[:length])
        with pytest.raises(ArchiveError):
            read_all(path)


def test_any_changed_byte_of_a_member_is_noticed(tmp_path):
    path = whole(tmp_path / "a.tar")
    content = path.read_bytes()
    for place in range(512, 512 + 5000, 499):
        path.write_bytes(content[:place] + b"2" + content[place + 1 :])
        with pytest.raises(ArchiveError, match="media/uploads/one does not match its checksum"):
            read_all(path)


@pytest.mark.parametrize("name", ["../out", "media/../../out", "/etc/out", "media\\..\\out", "elsewhere/file", "media"])
def test_member_outside_the_archive_is_refused(tmp_path, name):
    with pytest.raises(ArchiveError, match="which is not part of a backup"):
        read_all(write(tmp_path / "a.tar", {name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_member_that_is_no_ordinary_file_is_refused(tmp_path, kind):
    member = tarfile.TarInfo("media/uploads/x")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(ArchiveError):
        read_all(tmp_path / "a.tar")


def test_archive_that_could_not_be_ended_leaves_the_one_before(tmp_path):
    path = whole(tmp_path / "a.tar")
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError), write_archive(path) as writer:
        writer.add_file("media/uploads/two", tmp_path / "gone")
    assert path.read_bytes() == before
    assert [*tmp_path.glob(".*")] == []


def test_missing_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(archive.shutil, "which", lambda name: None)
    with pytest.raises(ArchiveError, match="zstd is not installed"):
        whole(tmp_path / "a.tar.zst")
