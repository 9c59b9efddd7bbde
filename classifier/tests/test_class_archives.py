"""A classifier's images come from a ZIP archive: a folder is a class."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from classifier.models import Classifier, Example, Job, Upload
from classifier.services.classifiers.collection import add_image
from classifier.services.jobs.submission import submit_import, submit_training
from classifier.services.people.ownership import Owner
from classifier.tests.classifiers import example_bytes, example_file, make_classifier
from classifier.tests.factories import make_user
from classifier.tests.jobs import BAD, work, zip_file

pytestmark = pytest.mark.django_db(transaction=True)

FOLDERS = {
    f"fasteners/{name}/{number}.png": example_bytes(name, number) for name in ("bolts", "nuts") for number in (0, 1)
}


def images_by_class(classifier: Classifier) -> dict[str | None, int]:
    names = classifier.examples.values_list("learnt_class__name", flat=True)
    return {name: list(names).count(name) for name in set(names)}


def failures(job: Job) -> dict[str, str]:
    return dict(job.items.filter(state="failed").values_list("name", "error_code"))


def test_visitor_creates_a_classifier_from_an_archive(client):
    page = client.post("/classifiers/", {"name": "fasteners", "archive": zip_file(FOLDERS)}, follow=True)
    assert "/jobs/" in page.redirect_chain[-1][0]
    work()
    classifier = Classifier.objects.get()
    assert images_by_class(classifier) == {"bolts": 2, "nuts": 2}
    progress = client.get(f"/jobs/{Job.objects.get().pk}/").content.decode()
    assert f'href="/classifiers/{classifier.pk}/"' in progress
    assert "4 of 4 done" in progress


def test_refused_archive_leaves_no_classifier(client):
    archive = SimpleUploadedFile("notes.zip", BAD)
    page = client.post("/classifiers/", {"name": "fasteners", "archive": archive})
    assert "This is not a ZIP archive." in page.content.decode()
    assert not Classifier.objects.exists()
    assert not Job.objects.exists()


def test_images_are_added_to_a_classifier_of_ones_own_alone(user, user_client):
    mine, other = (make_classifier(Owner(user=one), images=1) for one in (user, make_user("taras")))
    assert user_client.post(f"/classifiers/{other.pk}/archive/", {"archive": zip_file(FOLDERS)}).status_code == 404
    for archive, said in ({"archive": zip_file(FOLDERS)}, "Import images"), ({}, "No file was chosen."):
        page = user_client.post(f"/classifiers/{mine.pk}/archive/", archive, follow=True).content.decode()
        assert said in page
    work()
    assert images_by_class(mine) == {"bolts": 2, "nuts": 2}
    assert other.examples.count() == 2


def test_each_trick_of_an_archive_fails_alone(user):
    classifier = make_classifier(Owner(user=user), images=1)
    inner = zip_file(FOLDERS).read()
    members = {
        "bolts/8.png": example_bytes("bolts", 8),
        "../nuts/9.png": example_bytes("nuts", 9),
        "bolts/nested.zip": inner,
        "bolts/notes.txt": BAD,
        "=cmd/7.png": example_bytes("nuts", 7),
        "bolts/bomb.png": bytes(9_000_000),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    sent = SimpleUploadedFile("all.zip", archive.getvalue())
    job = submit_import(archive=sent, classifier=classifier)
    work()
    assert images_by_class(classifier) == {"bolts": 2, "nuts": 1}
    found = failures(job)
    assert found.pop("bolts/nested.zip")
    assert found.pop("bolts/notes.txt")
    assert found == {
        "../nuts/9.png": "unsafe_path",
        "=cmd/7.png": "bad_class_name",
        "bolts/bomb.png": "packed_too_tightly",
    }


def test_limit_of_images_is_said_of_each_file_beyond_it(user, user_client, settings):
    classifier = make_classifier(Owner(user=user), images=1)
    settings.MAX_CLASSIFIER_IMAGES = 3
    job = submit_import(archive=zip_file(FOLDERS), classifier=classifier)
    work()
    # One of each is there already, and one more finds room.
    assert classifier.examples.count() == 3
    assert list(failures(job).values()) == ["too_many_examples"]
    assert "The classifier has 3 images." in user_client.get(f"/jobs/{job.pk}/").content.decode()


def test_classifier_that_is_deleted_before_its_job_runs_fails_it(user):
    classifier = make_classifier(Owner(user=user), images=1)
    job = submit_import(archive=zip_file(FOLDERS), classifier=classifier)
    Classifier.objects.all().delete()
    work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "classifier_gone")


def test_downloaded_classifier_makes_the_same_one_anew(user, user_client):
    classifier = make_classifier(Owner(user=user))
    # Windows allows neither as the name of a folder.
    for name, number in (("M8: long?", 1), ("CON", 2)):
        add_image(file=example_file("screws", number), classifier=classifier, class_name=name)
    add_image(file=example_file("screws", 3), classifier=classifier)
    content = b"".join(user_client.get(f"/classifiers/{classifier.pk}/classifier.zip"))
    user_client.post("/classifiers/", {"name": "again", "archive": SimpleUploadedFile("mine.zip", content)})
    work()
    again = Classifier.objects.get(name="again")
    assert (
        images_by_class(again)
        == images_by_class(classifier)
        == {"bolts": 6, "nuts": 6, "M8: long?": 1, "CON": 1, None: 1}
    )
    job = Job.objects.get()
    assert (failures(job), job.state) == ({}, "finished")


def test_trained_classifier_imports_without_its_head(user, user_client):
    classifier = make_classifier(Owner(user=user))
    submit_training(classifier=classifier)
    work()
    content = b"".join(user_client.get(f"/classifiers/{classifier.pk}/classifier.zip"))
    other = make_classifier(Owner(user=user), images=0, name="other")
    job = submit_import(archive=SimpleUploadedFile("mine.zip", content), classifier=other)
    work()
    assert failures(job) == {}
    assert images_by_class(other) == {"bolts": 6, "nuts": 6}


def test_the_same_archive_twice_adds_nothing(user):
    classifier = make_classifier(Owner(user=user), images=0)
    for _twice in range(2):
        submit_import(archive=zip_file(FOLDERS), classifier=classifier)
        work()
    assert Example.objects.count() == Upload.objects.count() == 4
