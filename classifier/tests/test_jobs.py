"""Jobs in rows: claimed once, done once, cancelled, resumed, retried; and archives that may be anything."""

import io
import zipfile
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from classifier.models import Job, JobItem, JobPart, Prediction, Retention, Upload
from classifier.services.history.search import Search
from classifier.services.jobs import archive_job, claims, failures, running, storage
from classifier.services.jobs.claims import MOST_LOST, claim_part, lease_length, release
from classifier.services.jobs.control import cancel, resume, retry_failed
from classifier.services.jobs.progress import progress_of
from classifier.services.jobs.running import work_once
from classifier.services.jobs.submission import submit_archive, submit_export, submit_rescoring
from classifier.services.models.publishing import activate_version, publish
from classifier.services.operations.sweep import sweep
from classifier.services.people.ownership import Owner, claim
from classifier.tests.factories import another_model, image_bytes, image_file, make_prediction
from classifier.tests.jobs import BAD, make_job, photographs, work, zip_bytes, zip_file

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(user, shipped) -> Owner:
    return Owner(user=user)


def outcome(job: Job) -> dict[str, str]:
    """Each file's name, with its error if there is one."""
    return dict(job.items.values_list("name", "error_code"))


def test_files_of_an_archive_are_in_the_history_with_their_folders(owner, user, stored_files):
    job = make_job(owner, {"a/cat.jpg": image_bytes(), "b/c/dog.png": image_bytes("PNG", seed=1)})
    assert (job.state, job.total) == ("waiting", None)
    work()
    job.refresh_from_db()
    assert (job.state, job.total, progress_of(job).done, progress_of(job).failed) == ("finished", 2, 2, 0)
    assert set(user.uploads.values_list("original_name", flat=True)) == {"a/cat.jpg", "b/c/dog.png"}
    assert set(user.predictions.values_list("model_version", flat=True)) == {job.model_version_id}
    # The archive is gone, and no file is without a row.
    assert not job.file
    assert not [name for name in stored_files() if name.startswith("jobs/")]
    assert not list(sweep(older_than=timedelta(0)))


def test_bad_files_fail_for_themselves(owner, user):
    job = make_job(owner, photographs(7, bad=2), part_size=3)
    work()
    job.refresh_from_db()
    progress = progress_of(job)
    assert (job.state, progress.done, progress.failed, progress.total) == ("finished", 5, 2, 7)
    assert job.parts.count() == 4
    assert [item.error_code for item in job.items.filter(state="failed")] == ["text_file", "text_file"]
    assert user.predictions.count() == 5


def test_part_that_breaks_off_stores_nothing_twice_and_leaves_no_files(owner, user, monkeypatch):
    """Its worker fails after files were written, before the commit that says so."""
    job = make_job(owner, photographs(10))
    settle, settled = running._settle, []

    def fail_at_the_sixth(*arguments):
        settle(*arguments)
        settled.append(arguments)
        if len(settled) == 6:
            raise RuntimeError("the worker has died")

    monkeypatch.setattr(running, "_settle", fail_at_the_sixth)
    work(2)
    assert 0 < user.predictions.count() == progress_of(job).done < 6
    work()
    job.refresh_from_db()
    assert (job.state, progress_of(job).done, user.predictions.count()) == ("finished", 10, 10)
    assert not list(sweep(older_than=timedelta(0)))


def test_two_workers_cannot_claim_the_same_part(owner):
    make_job(owner)
    first = claim_part()
    assert first is not None
    assert claim_part() is None
    release(first)
    assert claim_part().pk == first.pk


def test_part_is_free_when_its_lease_has_expired(owner, user):
    job = make_job(owner)
    lost = claim_part()
    JobPart.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    work()
    job.refresh_from_db()
    assert (job.state, user.predictions.count()) == ("finished", 3)
    # The lost worker is still there, and stores nothing more.
    with pytest.raises(claims.ClaimLost):
        claims.locked(lost)


def test_lease_is_renewed_and_notices_a_cancelled_job(owner):
    job = make_job(owner)
    part = claim_part()
    JobPart.objects.filter(pk=part.pk).update(lease_until=timezone.now())
    lease = claims.Lease(part, lambda: False)
    lease.renew()
    part.refresh_from_db()
    assert part.lease_until > timezone.now() + lease_length() - timedelta(seconds=20)
    assert not lease.is_over()
    cancel(job=job)
    lease.renew()
    assert lease.is_over()


def test_parts_of_a_dead_worker_are_freed_before_their_lease_expires(owner):
    make_job(owner)
    part = claim_part()
    assert claims.free_parts_of_dead_workers() == 0
    machine = claims.worker_name().split(":")[0]
    JobPart.objects.filter(pk=part.pk).update(claimed_by=f"{machine}:99999999:abc")
    assert claims.free_parts_of_dead_workers() == 1
    assert claim_part().attempts == 2


def test_file_that_ends_its_worker_costs_itself_alone(owner, user, monkeypatch):
    """Three workers die with the part, then three with the file; each of the others is classified once."""
    job = make_job(owner, photographs(4, bad=1))
    read, deaths = archive_job.read_image, []

    def die_of_poison(file):
        if file.size == len(BAD):
            deaths.append(file.name)
            raise MemoryError
        return read(file)

    monkeypatch.setattr(archive_job, "read_image", die_of_poison)
    work()
    job.refresh_from_db()
    assert len(deaths) == 2 * MOST_LOST
    assert outcome(job) == dict.fromkeys(photographs(3), "") | {"trip/bad 0.jpg": "stopped_its_reader"}
    assert (job.state, progress_of(job).done, progress_of(job).failed) == ("finished", 3, 1)
    assert user.predictions.count() == 3


def test_cancelled_job_resumes_where_it_was(owner, user):
    job = make_job(owner, photographs(6), part_size=2)
    work(2)  # the plan and a part
    assert cancel(job=job)
    assert not cancel(job=job)
    assert not work_once()
    assert user.predictions.count() == 2
    assert resume(job=job)
    assert not resume(job=job)
    work()
    job.refresh_from_db()
    assert (job.state, progress_of(job).done, user.predictions.count()) == ("finished", 6, 6)


def test_job_cancelled_while_a_part_runs_stops_after_the_files_in_hand(owner, user, monkeypatch):
    job = make_job(owner, photographs(40))
    read, seen = archive_job.read_image, []

    def cancel_at_the_first(file):
        if not seen:
            cancel(job=job)
        seen.append(file.name)
        return read(file)

    monkeypatch.setattr(archive_job, "read_image", cancel_at_the_first)
    work()
    assert len(seen) < 40
    assert user.predictions.count() == 0
    assert not Upload.objects.exists()
    monkeypatch.undo()
    resume(job=job)
    work()
    assert user.predictions.count() == 40
    assert not list(sweep(older_than=timedelta(0)))


def test_failed_files_are_tried_again(owner, user, settings):
    settings.MAX_UPLOAD_MEGABYTES = 1
    noise = image_bytes("BMP", width=900, height=500)
    job = make_job(owner, {"a.jpg": image_bytes(), "b.bmp": noise})
    work()
    job.refresh_from_db()
    assert outcome(job) == {"a.jpg": "", "b.bmp": "file_too_large"}
    assert default_storage.exists(job.file.name)
    settings.MAX_UPLOAD_MEGABYTES = 20
    assert retry_failed(job=job) == 1
    work()
    job.refresh_from_db()
    assert (job.state, progress_of(job).done, progress_of(job).failed, job.total) == ("finished", 2, 0, 2)
    assert user.predictions.count() == 2
    assert retry_failed(job=job) == 0


def test_archive_is_deleted_a_day_after_a_job_that_has_failures(owner, stored_files):
    job = make_job(owner, photographs(2, bad=1))
    work()
    Job.objects.update(ended_at=timezone.now() - timedelta(hours=25))
    storage.delete_old_jobs()
    assert not [name for name in stored_files() if name.startswith("jobs/")]
    with pytest.raises(failures.FilesGone):
        retry_failed(job=job)
    Job.objects.update(ended_at=timezone.now() - timedelta(days=31))
    assert storage.delete_old_jobs() == 1
    assert not JobItem.objects.exists()


def test_all_of_a_job_is_the_model_of_its_submission(owner, user, models_dir):
    job = make_job(owner, photographs(4), part_size=2)
    work(2)
    other = publish(folder=another_model(models_dir / "other"))
    activate_version(version=other)
    work()
    assert set(user.predictions.values_list("model_version__name", flat=True)) == {"student_cnn"}
    job.refresh_from_db()
    assert job.state == "finished"


def test_jobs_of_a_later_version_wait_for_a_worker_of_it(owner, user):
    """While a site is upgraded, new web processes run beside old workers."""
    kind, parameter, known = (make_job(owner, photographs(1)) for _ in range(3))
    Job.objects.filter(pk=kind.pk).update(kind="later")
    Job.objects.filter(pk=parameter.pk).update(parameters={"keep": "until_deleted", "later": 1})
    with pytest.raises(running.Unable, match=r"A later version has submitted the job .*: later\."):
        work()
    for _ in range(6):
        with suppress(running.Unable):
            work_once()
    known.refresh_from_db()
    assert known.state == "finished"
    assert list(JobPart.objects.filter(finished_at=None).values_list("attempts", "claim")) == [(0, None)] * 2
    assert user.predictions.count() == 1


def test_worker_that_is_newer_than_the_database_loses_no_part(owner):
    make_job(owner)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE classifier_job RENAME COLUMN name TO title")
        try:
            with pytest.raises(DatabaseError):
                claim_part()
        finally:
            cursor.execute("ALTER TABLE classifier_job RENAME COLUMN title TO name")
    assert list(JobPart.objects.values_list("attempts", "claim", "lease_until")) == [(0, None, None)]


def test_two_people_take_turns(owner, user):
    """A small job does not wait until a large one has ended."""
    large = make_job(owner, photographs(12), part_size=2)
    work(3)
    visitor = uuid4()
    small = make_job(Owner(visitor=visitor), photographs(2))
    work(3)
    large.refresh_from_db()
    small.refresh_from_db()
    assert (small.state, large.state) == ("finished", "running")
    assert Prediction.objects.filter(visitor=visitor).count() == 2
    work()
    assert user.predictions.count() == 12


def test_job_of_a_visitor_follows_to_the_account(user, shipped):
    visitor = uuid4()
    job = make_job(Owner(visitor=visitor), photographs(4), part_size=2)
    work(2)
    claim(visitor=visitor, user=user)
    work()
    job.refresh_from_db()
    assert (job.owner, job.visitor, job.state) == (user, None, "finished")
    assert user.predictions.count() == user.uploads.count() == 4


def test_uploads_expire_as_was_chosen(owner, user):
    make_job(owner, photographs(1), keep=Retention.WEEK)
    work()
    assert timedelta(days=6) < user.uploads.get().expires_at - timezone.now() < timedelta(days=8)


def test_deleted_result_stays_deleted(owner, user):
    job = make_job(owner, photographs(3, bad=1))
    work()
    Upload.objects.all()[0].delete()
    retry_failed(job=job)
    work()
    assert user.predictions.count() == 1


class TestArchives:
    def errors(self, owner: Owner, content: bytes) -> dict[str, str]:
        file = image_file("a.zip", content)
        job = submit_archive(archive=file, owner=owner)
        work()
        return outcome(job)

    def test_paths_out_of_the_archive_are_refused(self, owner, tmp_path):
        good = image_bytes()
        found = self.errors(
            owner, zip_bytes({"../../x.jpg": good, "/etc/x.jpg": good, "C:/x.jpg": good, "y.jpg": good})
        )
        assert found.pop("y.jpg") == ""
        assert set(found.values()) == {"unsafe_path"}

    def test_nested_archives_are_refused(self, owner):
        assert self.errors(owner, zip_bytes({"in.zip": zip_bytes({"a.jpg": image_bytes()})})) == {
            "in.zip": "archive_file"
        }

    def test_bombs_are_refused(self, owner):
        bomb = zip_bytes({"bomb.bmp": b"BM" + bytes(15_000_000)}, compression=zipfile.ZIP_DEFLATED)
        assert self.errors(owner, bomb) == {"bomb.bmp": "packed_too_tightly"}

    def test_members_that_share_bytes_are_refused(self, owner):
        content = bytearray(zip_bytes({"a.jpg": image_bytes(), "b.jpg": image_bytes(seed=1)}))
        second = content.rindex(b"PK\1\2")
        content[second + 42 : second + 46] = bytes(4)  # where its header lies
        assert self.errors(owner, bytes(content))["b.jpg"] == "packed_too_tightly"

    def test_encrypted_members_are_refused(self, owner):
        content = bytearray(zip_bytes({"a.jpg": image_bytes()}))
        content[content.index(b"PK\1\2") + 8] |= 1
        assert self.errors(owner, bytes(content)) == {"a.jpg": "encrypted_member"}

    def test_damaged_members_are_refused(self, owner):
        content = bytearray(zip_bytes({"a.jpg": image_bytes(), "b.jpg": image_bytes(seed=1)}))
        content[200] ^= 0xFF
        assert self.errors(owner, bytes(content)) == {"a.jpg": "damaged_member", "b.jpg": ""}

    def test_unknown_compression_is_refused(self, owner):
        content = bytearray(zip_bytes({"a.jpg": image_bytes()}))
        content[content.index(b"PK\1\2") + 10] = 97
        content[8] = 97
        assert self.errors(owner, bytes(content)) == {"a.jpg": "unknown_compression"}

    def test_files_of_systems_are_left_out(self, owner):
        files = {"__MACOSX/._a.jpg": b"x", ".DS_Store": b"x", "in/Thumbs.db": b"x", "in/a.jpg": image_bytes()}
        assert self.errors(owner, zip_bytes(files)) == {"in/a.jpg": ""}

    def test_names_that_do_not_say_they_are_utf8(self, owner):
        content = zip_bytes({"кіт.jpg": image_bytes()})
        plain = bytearray(content)
        for mark, place in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
            plain[plain.index(mark) + place] &= ~0x08
        assert self.errors(owner, bytes(plain)) == {"кіт.jpg": ""}

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"", failures.NotAnArchive),
            (b"no archive", failures.NotAnArchive),
            (zip_bytes({"a.jpg": b"x" * 100})[:-30], failures.DamagedArchive),
            (zip_bytes({}), failures.EmptyArchive),
        ],
    )
    def test_invalid_archive_is_refused_at_once(self, owner, content, error, stored_files):
        with pytest.raises(error):
            submit_archive(archive=image_file("a.zip", content), owner=owner)
        assert not stored_files()
        assert not Job.objects.exists()

    def test_too_many_files_are_refused_at_once(self, owner, settings):
        settings.MAX_ARCHIVE_FILES = 2
        with pytest.raises(failures.TooManyFiles):
            make_job(owner, photographs(3))

    def test_huge_directories_are_not_read(self, owner, settings):
        settings.MAX_ARCHIVE_FILES = 1
        content = bytearray(zip_bytes({"a.jpg": image_bytes()}))
        end = content.rindex(b"PK\5\6")
        content[end + 12 : end + 16] = (4_000_000_000).to_bytes(4, "little")
        with pytest.raises(failures.TooManyFiles):
            submit_archive(archive=image_file("a.zip", bytes(content)), owner=owner)

    def test_large_archives_are_refused_at_once(self, owner, settings):
        settings.MAX_ARCHIVE_MEGABYTES = 1
        content = bytes(1_000_001)
        with pytest.raises(failures.ArchiveTooLarge):
            submit_archive(archive=image_file("a.zip", content), owner=owner)
        with pytest.raises(failures.NotAnArchive):
            submit_archive(archive=image_file("a.zip", content[1:]), owner=owner)


def test_number_of_unfinished_jobs_is_limited(owner, monkeypatch):
    monkeypatch.setattr("classifier.services.jobs.room.MOST_UNFINISHED", 2)
    make_job(owner)
    make_job(owner)
    with pytest.raises(failures.TooManyJobs):
        make_job(owner)


def test_rescoring_keeps_both_predictions(owner, user, models_dir):
    first, second = make_prediction(user), make_prediction(user, seed=1)
    somebody_elses = make_prediction()
    other = publish(folder=another_model(models_dir / "other"))
    job = submit_rescoring(owner=owner, version=other)
    work()
    job.refresh_from_db()
    assert (job.state, progress_of(job).done, progress_of(job).failed) == ("finished", 2, 0)
    for before in (first, second):
        assert set(before.upload.predictions.values_list("model_version__name", flat=True)) == {"student_cnn", "other"}
    assert somebody_elses.upload.predictions.count() == 1
    with pytest.raises(failures.NothingToRescore):
        submit_rescoring(owner=owner, version=other)
    submit_rescoring(owner=owner, version=other, everybody=True)
    work()
    assert somebody_elses.upload.predictions.count() == 2
    assert Prediction.objects.count() == 6


def test_rescoring_says_which_images_are_gone(owner, user, models_dir):
    kept, lost, deleted = (make_prediction(user, seed=seed) for seed in range(3))
    other = publish(folder=another_model(models_dir / "other"))
    job = submit_rescoring(owner=owner, version=other)
    work(1)
    default_storage.delete(lost.upload.file.name)
    deleted.upload.delete()
    work()
    assert set(job.items.values_list("error_code", flat=True)) == {"", "lost_upload"}
    assert (progress_of(job).done, progress_of(job).failed) == (1, 2)
    assert kept.upload.predictions.count() == 2


@pytest.mark.parametrize("ending", ["csv", "zip"])
def test_export_has_what_the_search_finds(owner, user, ending):
    make_prediction(user, name="cat.jpg")
    make_prediction(user, name="dog.jpg", seed=1)
    make_prediction(name="cat of somebody else.jpg")
    job = submit_export(owner=owner, search=Search(file_name="cat"), ending=ending)
    work()
    job.refresh_from_db()
    assert (job.state, progress_of(job).done) == ("finished", 1)
    content = default_storage.open(job.result.name).read()
    if ending == "zip":
        archive = zipfile.ZipFile(io.BytesIO(content))
        assert len(archive.namelist()) == 2
        content = archive.read("predictions.csv")
    assert [b"cat.jpg" in content, b"dog.jpg" in content, b"somebody" in content] == [True, False, False]


def test_deleted_job_takes_its_files_with_it(owner, stored_files):
    make_job(owner).delete()
    assert not stored_files()


def test_files_of_no_job_are_swept(owner, stored_files):
    job = make_job(owner)
    default_storage.save("jobs/nobody.zip", zip_file({"a": b"b"}))
    call_command("sweep", "--older-than", "0")
    assert stored_files() == [job.file.name]


def test_account_that_is_deleted_ends_its_job(owner, user):
    make_job(owner, photographs(6), part_size=2)
    work(2)
    user.delete()
    assert not work_once()
    assert not Job.objects.exists()
    assert not Upload.objects.exists()
