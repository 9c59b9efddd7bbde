"""Classifiers of people's own classes: what is collected, trained and deleted."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from classifier.models import (
    Classifier,
    Comparison,
    Example,
    Features,
    Head,
    HeldOutAnswer,
    Job,
    ModelVersion,
    Prediction,
    Revision,
    RevisionItem,
    Upload,
)
from classifier.services.classifiers.collection import (
    add_image,
    class_named,
    create_classifier,
    delete_class,
    delete_classifier,
    label,
    loss_of,
    remove,
)
from classifier.services.classifiers.failures import (
    BadClassName,
    NothingNew,
    TooFewClasses,
    TooFewExamples,
    TooManyClassifiers,
    TooManyExamples,
    TooManyMegabytes,
)
from classifier.services.classifiers.overview import columns_of, warnings_of
from classifier.services.history.deletion import delete_account, delete_everything, delete_uploads
from classifier.services.history.retention import purge_expired
from classifier.services.jobs.submission import submit_training
from classifier.services.people.ownership import Owner, claim, classifiers_of
from classifier.services.predictions.classification import classify, predict
from classifier.services.predictions.intake import read_image
from classifier.tests.classifiers import example_file, make_classifier
from classifier.tests.factories import make_prediction, make_user
from classifier.tests.jobs import make_job, work
from ml.tests.factories import encode, scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Owner:
    return Owner(visitor=uuid4())


def trained(classifier: Classifier) -> ModelVersion:
    job = submit_training(classifier=classifier)
    work()
    job.refresh_from_db()
    assert job.state == Job.State.FINISHED, job.error_code
    return ModelVersion.every.filter(classifier=classifier).latest("number")


def test_classifier_is_trained_measured_and_answers(owner):
    classifier = make_classifier(owner)
    version = trained(classifier)
    assert version.active
    assert version.class_names == ["bolts", "nuts"]
    assert version.card["cross_validated"]
    assert HeldOutAnswer.objects.filter(version=version).count() == 12
    assert version.test["count"] == 12
    prediction, _ = predict(image=read_image(example_file("nuts", 77)), owner=owner, version=version)
    assert prediction.predicted_class == "nuts"


def test_versions_of_own_classes_are_in_no_list_of_models(owner, client):
    version = trained(make_classifier(owner))
    assert not ModelVersion.objects.filter(pk=version.pk).exists()
    assert ModelVersion.objects.filter(active=True).count() == 1
    page = client.get("/models/")
    assert version.name not in page.content.decode()
    assert client.get(f"/models/{version.name}/").status_code == 404


def test_same_file_is_one_example(owner):
    classifier = create_classifier(owner=owner, name="fasteners")
    first = add_image(file=example_file("nuts", 1), classifier=classifier, class_name="nuts")
    again = add_image(file=example_file("nuts", 1), classifier=classifier, class_name="bolts")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.example == first.example
    assert again.example.learnt_class.name == "nuts"


def test_copies_are_held_out_together_and_conflicts_are_named(owner):
    classifier = create_classifier(owner=owner, name="fasteners")
    picture = scene(256, 5)
    for name, side in (("bolts", 256), ("nuts", 200)):
        content = encode(picture.resize((side, side), Image.Resampling.BICUBIC), "PNG")
        add_image(file=SimpleUploadedFile("copy.png", content), classifier=classifier, class_name=name)
    first, second = Example.objects.all()
    assert (first.group, first.held_out) == (second.group, second.held_out)
    found = warnings_of(columns_of(classifier))
    assert (found.copies, len(found.conflicts)) == (1, 1)


def test_class_names_differ_by_more_than_capitals(owner):
    classifier = create_classifier(owner=owner, name="fasteners", class_names=["Nuts", "nuts", "Гайки", "гайки"])
    assert [one.name for one in classifier.classes.all()] == ["Nuts", "Гайки"]
    with pytest.raises(BadClassName):
        class_named(classifier=classifier, name="=1+1")


def test_too_few_images_are_not_trained(owner):
    classifier = make_classifier(owner, images=4)
    with pytest.raises(TooFewExamples) as refused:
        submit_training(classifier=classifier)
    assert refused.value.values == {"name": "bolts", "count": 4, "least": 5}
    with pytest.raises(TooFewClasses):
        submit_training(classifier=make_classifier(owner, images=5, classes=1))


def test_nothing_is_trained_twice(owner):
    classifier = make_classifier(owner)
    trained(classifier)
    with pytest.raises(NothingNew):
        submit_training(classifier=classifier)


def test_two_people_who_train_at_once_wait_for_one_training(owner):
    classifier = make_classifier(owner)
    assert submit_training(classifier=classifier) == submit_training(classifier=classifier)


def test_next_version_is_compared_with_the_active_one(owner):
    classifier = make_classifier(owner)
    first = trained(classifier)
    add_image(file=example_file("nuts", 50), classifier=classifier, class_name="nuts")
    second = trained(classifier)
    compared = Comparison.objects.get(candidate=second)
    assert compared.baseline == first
    assert compared.count == 13
    first.refresh_from_db()
    assert (first.active, second.active) == (bool(compared.reasons), not compared.reasons)


def test_deleted_upload_takes_its_example_features_and_answers_along(owner):
    classifier = make_classifier(owner)
    version = trained(classifier)
    example = Example.objects.first()
    delete_uploads(Upload.objects.filter(pk=example.upload_id))
    assert not Features.objects.filter(upload=example.upload_id).exists()
    assert HeldOutAnswer.objects.filter(version=version).count() == 11
    assert RevisionItem.objects.count() == 11
    assert Revision.objects.get().counts == {"bolts": 6, "nuts": 6}


def test_labels_move_and_classes_are_deleted_without_their_images(owner):
    classifier = make_classifier(owner, images=2)
    bolts, nuts = classifier.classes.all()
    label(examples=classifier.examples.filter(learnt_class=bolts), learnt_class=nuts)
    assert nuts.examples.count() == 4
    delete_class(learnt_class=nuts)
    assert classifier.examples.filter(learnt_class=None).count() == 4


def test_nobody_labels_with_a_class_of_another_classifier(owner):
    mine, other = make_classifier(owner, images=1), make_classifier(owner, images=1)
    label(examples=mine.examples.all(), learnt_class=other.classes.first())
    assert {example.learnt_class.classifier for example in mine.examples.all()} == {mine}


def test_removed_example_takes_its_upload_along_unless_the_history_has_it(owner):
    classifier = make_classifier(owner, images=1)
    prediction = make_prediction(visitor=owner.visitor)
    Example.objects.create(classifier=classifier, upload=prediction.upload, group="0" * 64, held_out=False)
    remove(examples=classifier.examples.all())
    assert list(Upload.objects.all()) == [prediction.upload]


def test_deleted_classifier_leaves_nothing(owner):
    classifier = make_classifier(owner)
    trained(classifier)
    delete_classifier(classifier=classifier)
    assert not Upload.objects.exists()
    assert not ModelVersion.every.filter(classifier__isnull=False).exists()
    assert not Revision.objects.exists()


def test_classifier_deleted_during_its_training_stops_it(owner):
    classifier = make_classifier(owner)
    job = submit_training(classifier=classifier)
    delete_classifier(classifier=classifier)
    work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "classifier_gone")


def test_deleting_everything_deletes_classifiers(owner):
    make_classifier(owner, images=1)
    delete_everything(owner=owner)
    assert not Classifier.objects.exists()


def test_classifiers_of_visitors_expire(owner, settings):
    classifier = make_classifier(owner, images=1)
    past = timezone.now() - timedelta(days=settings.ANONYMOUS_DAYS, minutes=1)
    Classifier.objects.update(created_at=past)
    assert classifier not in classifiers_of(owner)
    purge_expired()
    assert not Classifier.objects.exists()


def answered(version: ModelVersion, owner: Owner, number: int = 77) -> Prediction:
    """A prediction of a version of own classes in the history."""
    return classify(image=read_image(example_file("nuts", number)), owner=owner, version=version)


def test_deleted_classifier_takes_its_predictions_along_in_batches(owner, monkeypatch):
    monkeypatch.setattr("classifier.services.history.deletion._BATCH", 2)
    classifier = make_classifier(owner)
    version = trained(classifier)
    for number in range(70, 75):
        answered(version, owner, number)
    make_job(owner, version=version)
    others = make_prediction(visitor=owner.visitor)
    both = answered(version, owner)
    Prediction.objects.filter(pk=others.pk).update(upload=both.upload)
    assert loss_of(classifier) == (12, 1, 6)
    delete_classifier(classifier=classifier)
    assert list(Prediction.objects.all()) == [others]
    assert set(Upload.objects.all()) == {both.upload, others.upload}
    assert not ModelVersion.every.filter(classifier__isnull=False).exists()
    assert not Job.objects.exclude(kind=Job.Kind.TRAIN).exists()


def test_account_and_everything_are_deleted_with_what_own_classes_predicted(owner):
    user = make_user()
    for whose, delete in (
        (owner, lambda: delete_everything(owner=owner)),
        (Owner(user=user), lambda: delete_account(user=user)),
    ):
        answered(trained(make_classifier(whose)), whose)
        delete()
        for model in (Classifier, Upload, Prediction, Features, Head):
            assert not model.objects.exists(), model


def test_expired_classifier_stays_while_its_predictions_are_promised(owner, settings):
    classifier = make_classifier(owner)
    version = trained(classifier)
    prediction = answered(version, owner)
    past = timezone.now() - timedelta(days=settings.ANONYMOUS_DAYS, minutes=1)
    Classifier.objects.update(created_at=past)
    Upload.objects.exclude(pk=prediction.upload_id).update(created_at=past)
    purge_expired()
    assert not classifiers_of(owner).exists()
    assert list(Upload.objects.all()) == [prediction.upload]
    assert Prediction.objects.get().model_version == version
    Upload.objects.update(created_at=past)
    purge_expired()
    assert not Classifier.objects.exists()
    assert not Upload.objects.exists()


def test_classifiers_follow_at_sign_in(owner):
    classifier, user = make_classifier(owner, images=1), make_user()
    claim(visitor=owner.visitor, user=user)
    assert list(classifiers_of(Owner(user=user))) == [classifier]
    assert not classifiers_of(owner).exists()


def test_limits_are_kept(owner, settings):
    classifier = make_classifier(owner, images=1)
    settings.MAX_CLASSIFIER_IMAGES = 2
    with pytest.raises(TooManyExamples):
        add_image(file=example_file("nuts", 9), classifier=classifier)
    settings.MAX_CLASSIFIER_IMAGES, settings.MAX_CLASSIFIER_MEGABYTES = 3, 0
    with pytest.raises(TooManyMegabytes):
        add_image(file=example_file("nuts", 9), classifier=classifier)
    settings.MAX_CLASSIFIERS = 1
    with pytest.raises(TooManyClassifiers):
        create_classifier(owner=owner, name="another")
    assert Upload.objects.count() == 2


def test_images_that_the_version_is_least_sure_of_are_labelled_first(user):
    classifier = make_classifier(Owner(user=user))
    submit_training(classifier=classifier)
    work()
    added = {}
    for name, number in (("bolts", 30), ("screws", 31), ("nuts", 32)):
        added[name] = add_image(file=example_file(name, number), classifier=classifier).example
    column = columns_of(classifier)[-1]
    assert column.learnt_class is None
    # Green is neither red nor blue, and a screw neither a bolt nor a nut.
    assert column.examples[0] == added["screws"]
    assert {example.pk for example in column.examples} == {example.pk for example in added.values()}
    Example.objects.filter(pk=added["nuts"].pk).update(group=added["screws"].group)
    assert columns_of(classifier)[-1].examples[-1] == added["nuts"]
