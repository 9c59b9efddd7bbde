"""The pages of people's own classes, without a script."""

import io
import json
import zipfile
from collections import Counter
from pathlib import PurePosixPath

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.models import Classifier, Comparison, Example, Job, ModelVersion, Upload
from classifier.services.classifiers.collection import add_image
from classifier.services.jobs.submission import submit_training
from classifier.services.people.ownership import Owner
from classifier.tests.classifiers import example_file, make_classifier, make_version
from classifier.tests.factories import make_prediction, make_user
from classifier.tests.jobs import BAD, work
from ml.heads.head import Head

pytestmark = pytest.mark.django_db(transaction=True)


def created(client: Client, name: str = "fasteners", classes: str = "bolts\nnuts") -> Classifier:
    answer = client.post("/classifiers/", {"name": name, "classes": classes})
    assert answer.status_code == 302
    return Classifier.objects.get(pk=answer.url.split("/")[2])


def add(client: Client, classifier: Classifier, class_name: str, count: int = 6):
    files = [example_file(class_name, number) for number in range(count)]
    address = f"/classifiers/{classifier.pk}/examples/"
    return client.post(address, {"class_name": class_name, "images": files}, follow=True)


def act(client: Client, classifier: Classifier, action: str, **fields):
    return client.post(f"/classifiers/{classifier.pk}/", {"action": action, **fields}, follow=True)


def said(page) -> str:
    return " ".join(str(message) for message in get_messages(page.wsgi_request)) + page.content.decode()


def test_visitor_without_an_account_creates_trains_and_tries_a_classifier(client):
    classifier = created(client)
    for class_name in ("bolts", "nuts"):
        assert "6 images were added." in said(add(client, classifier, class_name))
    assert "Training is under way" in said(act(client, classifier, "train"))
    work()
    page = client.get(f"/classifiers/{classifier.pk}/training/").content.decode()
    assert "Version 1 is trained." in page
    job = Job.objects.get()
    assert f'href="/classifiers/{classifier.pk}/"' in client.get(f"/jobs/{job.pk}/").content.decode()
    version = client.get(f"/classifiers/{classifier.pk}/versions/1/").content.decode()
    assert 'data-count="12"' in version
    assert "cross-validation" in version
    answer = client.post(f"/classifiers/{classifier.pk}/use/", {"image": example_file("nuts", 40)})
    assert 'data-class="nuts"' in answer.content.decode()
    assert Upload.objects.count() == 12


def test_classifier_says_what_is_missing(client):
    classifier = created(client)
    add(client, classifier, "bolts", 2)
    page = said(act(client, classifier, "train"))
    assert "Training needs two classes with images." in page
    assert "has 2 different images; training needs 5." in page


def test_what_is_no_image_is_named_and_the_others_are_added(client):
    classifier = created(client)
    files = [SimpleUploadedFile("notes.jpg", BAD), example_file("nuts", 1)]
    address = f"/classifiers/{classifier.pk}/examples/"
    page = said(client.post(address, {"class_name": "nuts", "images": files}, follow=True))
    assert "notes.jpg: This is a text file." in page
    assert "1 image was added." in page


def test_same_image_is_reported_as_a_duplicate(client):
    classifier = created(client)
    add(client, classifier, "bolts", 1)
    assert "1 image was there already." in said(add(client, classifier, "bolts", 1))


def test_nothing_chosen_is_said(client):
    classifier = created(client)
    page = client.post(f"/classifiers/{classifier.pk}/examples/", {"class_name": "nuts"}, follow=True)
    assert "No file was chosen." in said(page)


def test_images_are_moved_protected_and_removed(client):
    classifier = created(client)
    add(client, classifier, "bolts", 3)
    nuts = classifier.classes.get(name="nuts")
    first, second, third = classifier.examples.all()
    act(client, classifier, "label", examples=[first.pk, second.pk], learnt_class=nuts.pk)
    act(client, classifier, "protect", examples=[first.pk])
    act(client, classifier, "remove", examples=[third.pk])
    assert set(classifier.examples.values_list("learnt_class__name", "must_stay_right")) == {
        ("nuts", True),
        ("nuts", False),
    }


def test_classes_are_added_renamed_and_deleted(client):
    classifier = created(client, classes="")
    act(client, classifier, "add_class", name="Болти")
    act(client, classifier, "rename_class", name="Гайки", learnt_class=classifier.classes.get().pk)
    assert classifier.classes.get().name == "Гайки"
    assert "A class name has 1 to 100 characters" in said(act(client, classifier, "add_class", name="a/b"))
    act(client, classifier, "delete_class", learnt_class=classifier.classes.get().pk)
    assert not classifier.classes.exists()


def test_wrong_label_is_fixed_where_the_mistake_is_shown(user, user_client):
    version = make_version(make_prediction(user))
    example, nuts = Example.objects.get(), version.classifier.classes.get(name="nuts")
    fields = {"action": "label", "examples": example.pk, "learnt_class": nuts.pk, "version": 1}
    page = user_client.post(f"/classifiers/{version.classifier_id}/", fields)
    assert page.url == f"/classifiers/{version.classifier_id}/versions/1/"
    example.refresh_from_db()
    assert example.learnt_class == nuts


def test_refused_version_is_used_for_a_reason_only(user, user_client):
    version = make_version(make_prediction(user))
    other = ModelVersion.every.create(
        name=version.name, number=2, digest="2", card=version.card, classifier=version.classifier
    )
    Comparison.objects.create(
        candidate=other, baseline=version, count=9, better=0, worse=7, p_value=0.01, reasons=[["worse", ""]]
    )
    address = f"/classifiers/{version.classifier_id}/versions/2/"
    assert "give a reason" in said(user_client.post(address, follow=True))
    assert not ModelVersion.every.filter(active=True, classifier__isnull=False).exists()
    page = said(user_client.post(address, {"reason": "new lamps"}, follow=True))
    assert "Version 2 is in use." in page
    assert "new lamps" in page
    assert Comparison.objects.get().forced_by == user
    user_client.post(f"/classifiers/{version.classifier_id}/versions/1/")
    assert ModelVersion.every.get(active=True, classifier__isnull=False) == version


def test_images_and_classes_of_others_are_not_touched(user, user_client, client):
    mine = make_classifier(Owner(user=user), images=1)
    other = make_classifier(Owner(user=make_user("taras")), images=1)
    act(user_client, mine, "remove", examples=[example.pk for example in other.examples.all()])
    act(user_client, mine, "label", examples=[mine.examples.first().pk], learnt_class=other.classes.first().pk)
    assert other.examples.count() == 2
    assert mine.examples.filter(learnt_class__classifier=mine).count() == 2
    assert client.get(f"/classifiers/{mine.pk}/").status_code == 404


def test_classifier_is_deleted_with_its_images(client):
    classifier = created(client)
    add(client, classifier, "bolts", 1)
    address = f"/classifiers/{classifier.pk}/delete/"
    assert 'data-images="1" data-versions="0" data-predictions="0"' in client.get(address).text
    assert "The classifier was deleted." in said(client.post(address, follow=True))
    assert not Upload.objects.exists()


def test_download_has_the_images_by_class_and_the_head_in_use(user, user_client):
    classifier = make_classifier(Owner(user=user))
    add_image(file=example_file("screws", 1), classifier=classifier)
    submit_training(classifier=classifier)
    work()
    content = b"".join(user_client.get(f"/classifiers/{classifier.pk}/classifier.zip"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        folders = Counter(str(PurePosixPath(name).parent) for name in archive.namelist())
        assert folders == {".": 4, "images/bolts": 6, "images/nuts": 6, "without-a-class": 1}
        assert Head.load(archive.read("head.npz")).class_names == ("bolts", "nuts")
        assert json.loads(archive.read("card.json"))["class_names"] == ["bolts", "nuts"]
        assert archive.read("answers.csv").decode("utf-8-sig").count("\n") == 13


def test_image_of_the_history_becomes_an_example(user, user_client):
    classifier, prediction = make_classifier(Owner(user=user), images=1), make_prediction(user)
    nuts = classifier.classes.get(name="nuts")
    assert "Use as an example of" in user_client.get(f"/predictions/{prediction.pk}/").content.decode()
    for _twice in range(2):
        page = user_client.post(f"/predictions/{prediction.pk}/example/", {"learnt_class": nuts.pk}, follow=True)
        assert "The image is an example of “nuts” in “fasteners”." in said(page)
    example = classifier.examples.get(upload=prediction.upload)
    assert (example.learnt_class, example.source) == (nuts, Example.Source.HISTORY)
    act(user_client, classifier, "remove", examples=[example.pk])
    assert Upload.objects.filter(pk=prediction.upload_id).exists()


def test_nobody_adds_to_the_classifier_of_another(user, user_client):
    other, prediction = make_classifier(Owner(user=make_user("taras")), images=1), make_prediction(user)
    fields = {"learnt_class": other.classes.first().pk}
    page = user_client.post(f"/predictions/{prediction.pk}/example/", fields, follow=True)
    assert "This class no longer exists." in said(page)
    assert other.examples.count() == 2


def test_version_shows_what_was_confused_and_whether_its_confidence_can_be_believed(user, user_client):
    version = make_version(make_prediction(user))
    address = f"/classifiers/{version.classifier_id}/versions/1/"
    page = user_client.get(address).content.decode()
    assert "How the images it had not seen were classified" in page
    assert page.count("incorrect") == 2
    assert "Too few images to say whether its confidence is right: 3 of at least 50." in page
    version.card["metrics"]["test"] |= {"count": 60, "confusion": [[20, 10], [5, 25]]}
    version.save()
    page = user_client.get(address).content.decode()
    assert "Its confidence was 60% on average, and 75% of its answers were correct." in page


def test_changed_images_are_newly_correct_or_newly_wrong(user, user_client):
    version = make_version(make_prediction(user))
    other = ModelVersion.every.create(
        name=version.name, number=2, digest="2", card=version.card, classifier=version.classifier
    )
    answer = version.held_out_answers.get()
    answer.pk, answer.version, answer.predicted = None, other, "bolts"
    answer.save()
    Comparison.objects.create(candidate=other, baseline=version, count=1, better=1, worse=0, p_value=1, reasons=[])
    page = user_client.get(f"/classifiers/{version.classifier_id}/versions/2/").content.decode()
    assert "Newly correct" in page
    assert "Newly wrong" not in page
    assert "bolts: nuts → bolts" in page


def test_mistake_is_marked_as_one_that_must_stay_correct(user, user_client):
    version = make_version(make_prediction(user))
    address = f"/classifiers/{version.classifier_id}/versions/1/"
    assert 'value="protect"' in user_client.get(address).content.decode()
    fields = {"examples": Example.objects.get().pk, "version": 1}
    act(user_client, version.classifier, "protect", **fields)
    assert Example.objects.get().must_stay_right
    assert 'value="protect"' not in user_client.get(address).content.decode()
