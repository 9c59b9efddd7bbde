"""Uploads, their deletion, the sweep and jobs are the same on a local disk and on an object store."""

import io
import time
import zipfile
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid5

import numpy as np
import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from classifier.models import Job, JobPart, Prediction, Upload
from classifier.services.history.deletion import delete_everything
from classifier.services.history.search import Search
from classifier.services.jobs.claims import MOST_LOST
from classifier.services.jobs.control import cancel, resume
from classifier.services.jobs.submission import submit_archive, submit_export
from classifier.services.operations.storage import Reason, StorageUnavailable, storage_errors
from classifier.services.operations.sweep import Loss, Orphan, sweep
from classifier.services.people.ownership import Owner
from classifier.services.predictions import working_copies
from classifier.services.predictions.classification import classify, discard_files
from classifier.services.predictions.intake import read_image
from classifier.storages.errors import as_os_errors
from classifier.storages.objects import ObjectStorage
from classifier.storages.reading import BLOCK
from classifier.storages.stored import site_storage
from classifier.tests.api import PREDICTIONS, program
from classifier.tests.factories import image_bytes, image_file, make_prediction
from classifier.tests.jobs import work, zip_file
from classifier.tests.stores import BUCKET, use

pytestmark = pytest.mark.django_db(transaction=True)
FOLDERS = ("uploads", "thumbnails", "working_copies", "jobs")
#: A size that more than two ranges are read of, and no multiple of one.
LARGE = 2 * BLOCK + 12345


def stored() -> list[str]:
    return [file.name for folder in FOLDERS for file in site_storage().listing(folder)]


def wait_until_dated() -> None:
    """Swift rounds the times of its objects up to the next second, and nothing younger than now is swept."""
    while any(file.modified >= timezone.now() for folder in FOLDERS for file in site_storage().listing(folder)):
        time.sleep(0.1)


def names_of(upload: Upload) -> list[str]:
    return sorted(filter(None, (upload.file.name, upload.thumbnail.name, upload.working_copy.name)))


def test_upload_is_stored_served_and_deleted(store, user_client):
    content = image_bytes(seed=1)
    assert user_client.post("/", {"image": image_file(content=content)}).status_code == 302
    upload = Upload.objects.get()
    assert sorted(stored()) == names_of(upload)
    image = user_client.get(f"/uploads/{upload.pk}/image")
    assert image.getvalue() == content
    assert image["Content-Length"] == str(len(content))
    assert image["Content-Type"] == "image/jpeg"
    thumbnail = user_client.get(f"/uploads/{upload.pk}/thumbnail").getvalue()
    assert thumbnail.startswith(b"\xff\xd8")
    prediction = Prediction.objects.get()
    assert user_client.get(f"/predictions/{prediction.pk}/explanation/").status_code == 200
    assert user_client.post(f"/predictions/{prediction.pk}/delete/").status_code == 302
    assert stored() == []
    assert user_client.get(f"/uploads/{upload.pk}/image").status_code == 404


def test_lost_file_is_not_found(store, user, user_client):
    upload = make_prediction(user).upload
    default_storage.delete(upload.file.name)
    assert user_client.get(f"/uploads/{upload.pk}/image").status_code == 404
    with pytest.raises(FileNotFoundError):
        default_storage.size(upload.file.name)
    with pytest.raises(FileNotFoundError):
        default_storage.get_modified_time(upload.file.name)
    assert not default_storage.exists(upload.file.name)
    default_storage.delete(upload.file.name)
    site_storage().delete_all([upload.file.name])


def test_working_copy_is_stored_read_and_deleted(store, user, monkeypatch):
    monkeypatch.setattr(working_copies, "EXPENSIVE_SECONDS", -1)
    upload = make_prediction(user).upload
    assert sorted(stored()) == names_of(upload)
    assert len(stored()) == 3
    assert working_copies.copy_of(upload=upload) is not None
    read_before = Upload.objects.get()
    read_before.working_copy.name = ""
    read_before.delete()
    assert stored() == []


def test_every_attempt_has_names_of_its_own(store, user):
    """A second submission of the same upload neither overwrites nor deletes the first one's files."""
    first = make_prediction(user).upload
    before = stored()
    with pytest.raises(IntegrityError):
        classify(image=read_image(image_file()), owner=Owner(user=user), upload_id=first.pk)
    assert stored() == before
    assert default_storage.open(first.file.name).read() == image_bytes()


def test_files_of_a_killed_attempt_are_found_by_the_uploads_id(store, user):
    kept, upload = (make_prediction(user, seed=seed).upload for seed in (1, 2))
    Prediction.objects.filter(upload=upload).delete()
    Upload.objects.filter(pk=upload.pk)._raw_delete("default")
    discard_files(upload=upload)
    assert sorted(stored()) == names_of(kept)


def test_row_that_cannot_be_stored_leaves_no_file(store, user, monkeypatch):
    def fail(*args, **options):
        assert len(stored()) == 2
        raise OSError("no row")

    monkeypatch.setattr(Prediction, "save", fail)
    with pytest.raises(StorageUnavailable):
        make_prediction(user)
    assert stored() == []


def test_sweep_removes_what_has_no_row_and_reports_what_is_lost(store, user):
    kept, lost = (make_prediction(user, seed=seed).upload for seed in (1, 2))
    default_storage.delete(lost.thumbnail.name)
    strays = ["uploads/00/odd.jpg", "uploads/odd.jpg", "uploads/zz/deep/odd.jpg", f"thumbnails/{kept.pk.hex[:2]}/x.jpg"]
    for name in (*strays, "jobs/nobody.zip", "elsewhere/x.jpg"):
        default_storage.save(name, ContentFile(b"12345"))
    assert [found for found in sweep() if isinstance(found, Orphan)] == []  # younger than an hour
    wait_until_dated()
    found = list(sweep(older_than=timedelta(0), dry_run=True))
    assert sorted(one.name for one in found if isinstance(one, Orphan)) == sorted(strays)
    assert len(stored()) == 8
    with pytest.raises(CommandError, match="1 uploads are missing a file"):
        call_command("sweep", "--older-than", "0", stdout=io.StringIO(), stderr=io.StringIO())
    assert sorted(stored()) == sorted([*names_of(kept), lost.file.name])
    assert default_storage.exists("elsewhere/x.jpg")
    assert [*sweep(older_than=timedelta(0))] == [Loss(lost.pk, [lost.thumbnail.name])]


def test_listing_states_names_sizes_and_times(store):
    before = timezone.now() - timedelta(minutes=1)
    for name in ("a/b-c/1", "a/b/2", "a/b.jpg", "a/b/1"):
        default_storage.save(name, ContentFile(b"1" * len(name)))
    files = list(site_storage().listing("a"))
    assert [file.name for file in files] == ["a/b-c/1", "a/b.jpg", "a/b/1", "a/b/2"]
    assert all(file.size == len(file.name) for file in files)
    assert all(before < file.modified < timezone.now() + timedelta(minutes=1) for file in files)
    assert list(site_storage().listing("none")) == []
    assert site_storage().beginning_with("a/b/1") == ["a/b/1"]
    assert site_storage().beginning_with("none/b") == []


def test_job_reads_its_archive_and_its_export_is_downloaded(store, user, user_client):
    contents = {f"{seed}.jpg": image_bytes(seed=seed) for seed in range(3)}
    job = submit_archive(archive=zip_file(contents | {"bad.jpg": b"no image"}), owner=Owner(user=user))
    work()
    job.refresh_from_db()
    assert (job.state, Prediction.objects.count()) == (Job.State.FINISHED, 3)
    export = submit_export(owner=Owner(user=user), search=Search(), ending="zip")
    work()
    export.refresh_from_db()
    answer = user_client.get(f"/jobs/{export.pk}/export")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        images = {archive.read(name) for name in archive.namelist() if name.endswith(".jpg")}
    assert images == {*contents.values()}
    delete_everything(owner=Owner(user=user))
    assert stored() == []


@pytest.mark.parametrize("kind", ["lost", "split", "resumed"])
def test_next_worker_deletes_what_a_lost_one_left(store, user, kind):
    job = submit_archive(archive=zip_file({"a.jpg": image_bytes(), "b.txt": b"none"}), owner=Owner(user=user))
    work(1)
    part = job.parts.get(number=1)
    assert not part.tried  # nothing to look for: a request less for each file
    JobPart.objects.filter(pk=part.pk).update(tried=True, attempts=MOST_LOST if kind == "split" else 1)
    left = Upload(id=uuid5(job.pk, "upload 0")).place_in("uploads") + "-left.jpg"
    default_storage.save(left, ContentFile(b"1"))
    if kind == "resumed":
        cancel(job=job)
        resume(job=job)
    work()
    assert sorted(stored()) == sorted([*names_of(Upload.objects.get()), job.file.name])


def test_part_that_is_run_is_tried(store, user):
    job = submit_archive(archive=zip_file({"a.jpg": image_bytes()}), owner=Owner(user=user))
    work()
    assert list(job.parts.order_by("number").values_list("tried", flat=True)) == [False, True]


def test_large_file_is_read_at_any_place(store):
    content = np.random.default_rng(1).bytes(LARGE)
    name = default_storage.save("jobs/large", ContentFile(content))
    with default_storage.open(name) as opened:
        assert opened.size == LARGE
        for place, count in ((LARGE - 100, 200), (0, 10), (BLOCK - 5, 10), (BLOCK * 2, 20), (5, BLOCK + 7)):
            opened.seek(place)
            assert opened.read(count) == content[place : place + count]
        opened.seek(0)
        assert b"".join(opened.chunks()) == content
        opened.seek(LARGE)
        assert opened.read() == b""
    empty = default_storage.save("jobs/empty", ContentFile(b""))
    with default_storage.open(empty) as opened:
        assert opened.read() == b""


@pytest.fixture
def objects(moto_server, settings, monkeypatch) -> ObjectStorage:
    """The storage of a site with its files on a fast server."""
    use(moto_server, settings, monkeypatch)
    return default_storage


def test_more_objects_than_a_request_lists_or_deletes(objects, db):
    names = [f"uploads/{number % 7:02x}/{number}.jpg" for number in range(1100)]
    for name in names:
        objects.client.put_object(Bucket=objects.bucket_name, Key=objects.key(name), Body=b"1")
    assert [file.name for file in objects.listing("uploads")] == sorted(names)
    assert sum(isinstance(one, Orphan) for one in sweep(older_than=timedelta(0), dry_run=True)) == 1100
    objects.delete_all(names)
    assert stored() == []


def test_uploads_in_parts_that_never_ended_are_discarded(store):
    if store is None:
        assert site_storage().abort_uploads(before=timezone.now()) == 0
        return
    client, where = store.client(), {"Bucket": BUCKET, "Key": f"{store.prefix}/jobs/half.zip"}
    part = client.create_multipart_upload(**where)["UploadId"]
    other = {"Bucket": BUCKET, "Key": f"other-{store.prefix}/half.zip"}
    others = client.create_multipart_upload(**other)["UploadId"]
    assert site_storage().abort_uploads(before=timezone.now() - timedelta(days=1)) == 0
    client.list_parts(**where, UploadId=part)
    assert site_storage().abort_uploads(before=timezone.now() + timedelta(minutes=1)) == 1
    with pytest.raises(ClientError, match="NoSuchUpload"):
        client.list_parts(**where, UploadId=part)
    client.abort_multipart_upload(**other, UploadId=others)


#: What keeps the site from its store: changes of its address or of its keys.
TROUBLES = {
    "stopped": {"endpoint": "http://127.0.0.1:9"},
    "refuses the key": {"AWS_SECRET_ACCESS_KEY": "another"},
    "no bucket": {"bucket": "no-bucket-of-the-tests"},
}


@pytest.fixture(params=TROUBLES)
def failing(request, swift_server, settings, monkeypatch, user):
    """A site with an upload whose store fails within this context."""
    store = use(swift_server, settings, monkeypatch)
    make_prediction(user)
    changes = TROUBLES[request.param]

    @contextmanager
    def context():
        with pytest.MonkeyPatch.context() as keys:
            if secret := changes.get("AWS_SECRET_ACCESS_KEY"):
                keys.setenv("AWS_SECRET_ACCESS_KEY", secret)
                settings.STORAGES = store.storages()
            else:
                settings.STORAGES = store.storages(**changes)
            yield
        settings.STORAGES = store.storages()

    return context


def test_store_that_fails_is_a_503_and_nothing_is_half_written(failing, user, user_client, caplog):
    upload = Upload.objects.get()
    with failing():
        caplog.clear()
        page = user_client.post("/", {"image": image_file(content=image_bytes(seed=9))})
        assert page.status_code == 503
        assert "storage is temporarily unavailable" in page.text
        assert int(page["Retry-After"]) > 0
        assert [one.exc_info for one in caplog.records if one.levelname in ("WARNING", "ERROR")] == [None]
        problem = program(user).post(PREDICTIONS, {"image": image_file(content=image_bytes(seed=9))})
        assert (problem.status_code, problem["Content-Type"]) == (503, "application/problem+json")
        assert user_client.get(f"/uploads/{upload.pk}/image").status_code in (404, 503)
        archive = zip_file({"a.jpg": image_bytes()})
        assert user_client.post("/jobs/", {"kind": "classify", "archive": archive, "keep": ""}).status_code == 503
        assert user_client.get("/history/").status_code == 200
        with pytest.raises(CommandError, match="Stopped after 0 files"):
            call_command("sweep", stdout=io.StringIO())
        assert (Upload.objects.count(), Job.objects.count()) == (1, 0)
    assert sorted(stored()) == names_of(upload)


def test_what_is_deleted_while_the_store_fails_is_swept_later(failing, user_client, caplog):
    upload = Upload.objects.get()
    with failing():
        assert user_client.post(f"/predictions/{Prediction.objects.get().pk}/delete/").status_code == 302
        assert "could not be deleted" in caplog.text
    assert sorted(stored()) == names_of(upload)
    wait_until_dated()
    assert len(list(sweep(older_than=timedelta(0)))) == 2
    assert stored() == []


def test_full_store_is_a_full_disk():
    full = ClientError({"Error": {"Code": "QuotaExceeded"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "PutObject")
    with pytest.raises(StorageUnavailable) as caught, storage_errors(), as_os_errors():
        raise full
    assert caught.value.reason == Reason.FULL


def test_stored_file_has_no_address_of_its_own(objects):
    with pytest.raises(NotImplementedError):
        objects.url("uploads/00/x.jpg")
    with pytest.raises(ValueError, match="not as 'wb'"):
        objects.open("uploads/00/x.jpg", "wb")
