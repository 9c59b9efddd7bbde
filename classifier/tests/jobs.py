"""Jobs for tests: archives, and workers that run what there is to run."""

import io
import zipfile
from collections.abc import Mapping

from django.core.files.uploadedfile import SimpleUploadedFile

from classifier.models import Job
from classifier.services.jobs.running import work_once
from classifier.services.jobs.submission import submit_archive
from classifier.services.people.ownership import Owner
from classifier.tests.factories import image_bytes

BAD = b"no image at all"


def zip_bytes(members: Mapping[str, bytes], **options) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def photographs(count: int, *, bad: int = 0, folder: str = "trip") -> dict[str, bytes]:
    """So many files in a folder; the last `bad` of them are no images."""
    good = [image_bytes(width=40, height=30, seed=seed) for seed in range(min(count - bad, 5))]
    files = {f"{folder}/{number:03}.jpg": good[number % len(good)] for number in range(count - bad)}
    return files | {f"{folder}/bad {number}.jpg": BAD for number in range(bad)}


def zip_file(members: Mapping[str, bytes], name: str = "trip.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zip_bytes(members), content_type="application/zip")


def make_job(owner: Owner, members: Mapping[str, bytes] | None = None, **options) -> Job:
    return submit_archive(archive=zip_file(members or photographs(3)), owner=owner, **options)


def work(times: int = 1000) -> int:
    """Run parts in this process until there are none left, or so many; return how many were run."""
    for done in range(times):
        if not work_once():
            return done
    return times
