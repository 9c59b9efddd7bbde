"""manage.py classifier, and manage.py classify --classifier."""

import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command

from classifier.models import Classifier, Comparison, Example, ModelVersion, Prediction
from classifier.services.people.ownership import Owner
from classifier.tests.classifiers import COLOURS, example_bytes, make_trained, make_version
from classifier.tests.factories import make_prediction, make_user

pytestmark = pytest.mark.django_db


def said(*arguments: str, **options) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def folders(root, images: int = 6):
    """A folder of images for each of two classes."""
    for name in list(COLOURS)[:2]:
        (root / name).mkdir(parents=True)
        for number in range(images):
            (root / name / f"{number}.png").write_bytes(example_bytes(name, number))
    return root


def test_classifier_is_made_of_folders_trained_exported_and_deleted(user, tmp_path):
    pk = said("classifier", "create", "fasteners", "--owner", "olena").strip()
    classifier = Classifier.objects.get(pk=pk)
    assert classifier.owner == user
    images = folders(tmp_path / "images")
    assert "12 images were added, 0 were there" in said("classifier", "add", "fasteners", str(images))
    assert "0 images were added, 12 were there" in said("classifier", "add", pk, str(images))
    assert set(Example.objects.values_list("learnt_class__name", flat=True)) == {"bolts", "nuts"}
    assert "fasteners v1: correct on" in said("classifier", "train", pk)
    assert "* fasteners v1" in said("classifier", "versions", pk)
    with pytest.raises(CommandError, match="Nothing has changed"):
        said("classifier", "train", pk)
    assert f"{pk}     2 classes     12 images  olena: fasteners" in said("classifier", "list", "--owner", "olena")
    said("classifier", "export", pk, str(tmp_path / "own.zip"))
    with zipfile.ZipFile(tmp_path / "own.zip") as archive:
        assert len([name for name in archive.namelist() if name.startswith("images/")]) == 12
    assert "12 images, 1 versions and 0 predictions" in said("classifier", "delete", pk, "--yes")
    assert not Classifier.objects.exists()


def test_refused_version_is_activated_for_a_reason(user):
    version = make_version(make_prediction(user))
    classifier = str(version.classifier_id)
    candidate = ModelVersion.every.create(
        name=version.name, number=2, digest="2" * 64, card=version.card, classifier=version.classifier
    )
    Comparison.objects.create(
        candidate=candidate,
        baseline=version,
        count=3,
        better=0,
        worse=1,
        p_value=1.0,
        reasons=[["must_stay_right", ""]],
    )
    assert "An image that must stay correct is wrong." in said("classifier", "compare", classifier, "2")
    with pytest.raises(CommandError, match="give a reason"):
        said("classifier", "activate", classifier, "2")
    said("classifier", "activate", classifier, "2", "--reason", "the label was wrong")
    assert ModelVersion.every.get(classifier=classifier, active=True) == candidate
    assert "the label was wrong" in said("classifier", "compare", classifier, "2")
    assert "was not compared" in said("classifier", "compare", classifier, "1")
    with pytest.raises(CommandError, match="has no version 9"):
        said("classifier", "activate", classifier, "9")


def test_what_is_typed_wrongly_is_named(user, tmp_path):
    for arguments, words in {
        ("train", "nothing"): "no classifier 'nothing'",
        ("create", "x", "--owner", "nobody"): "no account 'nobody'",
        ("create", " ", "--owner", "olena"): "1 to 100 printable",
        ("create", "x", "--owner", "olena", "--class", "a/b"): "A class name has",
    }.items():
        with pytest.raises(CommandError, match=words):
            said("classifier", *arguments)
    Classifier.objects.create(owner=user, name="twice")
    pk = str(Classifier.objects.create(owner=make_user("another"), name="twice").pk)
    with pytest.raises(CommandError, match="Use an ID"):
        said("classifier", "versions", "twice")
    with pytest.raises(CommandError, match="does not exist"):
        said("classifier", "add", pk, str(tmp_path / "nothing"))
    with pytest.raises(CommandError, match="not trained"):
        said("classify", str(tmp_path), "--classifier", pk)


def test_files_are_classified_by_own_classes_and_saved_to_their_owner(user, tmp_path):
    version = make_trained(Owner(user=user))
    file = tmp_path / "one.png"
    file.write_bytes(example_bytes("nuts", 80))
    answer = json.loads(said("classify", str(file), "--classifier", "fasteners", "--json").splitlines()[0])
    assert (answer["class"], answer["model"]) == ("nuts", "fasteners v1")
    assert not Prediction.objects.exists()
    said("classify", str(file), "--classifier", str(version.classifier_id), "--save")
    said("classify", str(file), "--classifier", str(version.classifier_id), "--save")
    stored = Prediction.objects.get()
    assert (stored.owner, stored.model_version) == (user, version)
    make_user("another")
    with pytest.raises(CommandError, match="no classifier"):
        said("classify", str(file), "--classifier", "fasteners", "--save", "--owner", "another")
    with pytest.raises(CommandError, match="either --model or"):
        said("classify", str(file), "--classifier", "fasteners", "--model", "x")
