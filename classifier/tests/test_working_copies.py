"""Originals that take long are decoded once: what is made of them later is made of a copy, and is the same."""

import numpy as np
import pytest
from django.core.management import call_command

from classifier.models import Prediction, Upload
from classifier.services.history.deletion import delete_prediction
from classifier.services.models.serving import served_model
from classifier.services.people.ownership import Owner
from classifier.services.predictions import working_copies
from classifier.services.predictions.classification import OwnerGone, classify
from classifier.services.predictions.decoding import decode
from classifier.services.predictions.explanation import explain_prediction
from classifier.services.predictions.intake import read_image
from classifier.services.predictions.rescoring import rescore
from classifier.services.predictions.working_copies import EXPENSIVE_SECONDS, copy_of, picture_of
from classifier.tests.corpus import jpeg_of_scans
from classifier.tests.factories import image_bytes, image_file, linked_model, make_prediction, make_user
from classifier.tests.migrated import migrate
from classifier.tests.test_backup import FILL, Place
from classifier.tests.test_explanation import special
from ml.images import working_copy
from ml.images.codecs.jpeg_markers import MOST_SCANNED
from ml.images.preprocessing import MAX_PIXELS

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["turned", "on_white", "animated", "profile", "sixteen", "plain"]


@pytest.fixture
def all_expensive(monkeypatch):
    monkeypatch.setattr(working_copies, "EXPENSIVE_SECONDS", -1)


def upload(user, content: bytes) -> Prediction:
    return classify(image=read_image(image_file("a.bin", content)), owner=Owner(user=user))


def spoil(upload: Upload) -> None:
    """Damage the original, so that nothing can decode it any more."""
    with upload.file.storage.open(upload.file.name, "wb") as file:
        file.write(b"nothing")


def pages(client, prediction: Prediction) -> list[bytes]:
    answers = [client.get(f"/predictions/{prediction.pk}/{name}") for name in ("seen.png", "map.png", "explanation/")]
    assert [answer.status_code for answer in answers[::2]] == [200, 200]
    return [answer.content for answer in answers[:2]]


def test_no_page_decodes_an_expensive_original_again(user, user_client, stored_files):
    content = jpeg_of_scans(MOST_SCANNED // (8000 * 6000) - 15, 8000, 6000)
    assert decode(content=content, max_pixels=MAX_PIXELS).seconds > EXPENSIVE_SECONDS
    prediction = upload(user, content)
    Prediction.objects.update(abstained=False)
    stored = prediction.upload
    assert stored_files() == sorted([stored.file.name, stored.thumbnail.name, stored.working_copy.name])
    with stored.working_copy.open("rb") as file:
        assert len(file.read()) < 1_300_000
    spoil(stored)
    answer = user_client.get(f"/predictions/{prediction.pk}/explanation/")
    assert "8000 × 6000" in answer.text
    assert user_client.get(f"/predictions/{prediction.pk}/seen.png").status_code == 200
    assert user_client.get(f"/predictions/{prediction.pk}/map.png").status_code == 200
    assert user_client.get(f"/uploads/{stored.pk}/thumbnail").status_code == 200


def test_ordinary_photograph_has_no_copy(user, stored_files):
    prediction = make_prediction(user)
    assert prediction.upload.working_copy.name == ""
    explain_prediction(prediction=prediction)
    assert len(stored_files()) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_prediction_from_a_copy_is_the_one_from_the_original_to_the_last_bit(user, all_expensive, kind):
    content = special(kind)
    prediction = upload(user, content)
    original, copy = decode(content=content, max_pixels=MAX_PIXELS), copy_of(upload=prediction.upload).decoded
    assert copy == original
    model = served_model().model
    answers = model.predict([model.prepare(copy.picture)])
    assert answers.probabilities[0].tolist() == prediction.probabilities


@pytest.mark.parametrize("kind", KINDS)
def test_pages_made_from_a_copy_are_those_made_from_the_original(user, user_client, monkeypatch, kind):
    prediction = upload(user, special(kind))
    Prediction.objects.update(abstained=False)
    before, said = pages(user_client, prediction), explain_prediction(prediction=prediction)
    monkeypatch.setattr(working_copies, "EXPENSIVE_SECONDS", -1)
    assert explain_prediction(prediction=prediction) == said
    spoil(prediction.upload)
    prediction.refresh_from_db()
    assert prediction.upload.working_copy
    assert explain_prediction(prediction=prediction) == said
    assert pages(user_client, prediction) == before


def test_rescoring_reads_the_copy_unless_it_is_of_an_earlier_preprocessing(user, all_expensive, monkeypatch):
    prediction = make_prediction(user)
    spoil(prediction.upload)
    (same,) = rescore(version=prediction.model_version)
    assert not same.flipped
    assert same.confidence == pytest.approx(prediction.confidence, abs=1e-6)
    monkeypatch.setattr(working_copy, "PREPROCESSING_VERSION", "next")
    (unreadable,) = rescore(version=prediction.model_version)
    assert unreadable.after is None
    # Its owner is still told how this very answer came about.
    assert explain_prediction(prediction=prediction).tried


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", image_bytes()])
def test_damaged_copy_is_made_again(user, all_expensive, content):
    stored = make_prediction(user).upload
    whole = copy_of(upload=stored).decoded
    with stored.working_copy.storage.open(stored.working_copy.name, "wb") as file:
        file.write(content)
    assert np.array_equal(picture_of(upload=stored).picture, whole.picture)
    assert copy_of(upload=Upload.objects.get()).decoded == whole


def test_copy_goes_with_its_upload(user, all_expensive, stored_files):
    prediction = make_prediction(user)
    assert len(stored_files()) == 3
    delete_prediction(prediction=prediction)
    assert stored_files() == []


def test_copy_that_a_page_stores_while_its_upload_is_deleted_goes_too(user, stored_files, monkeypatch):
    first, second = (make_prediction(user, seed=seed).upload for seed in range(2))
    monkeypatch.setattr(working_copies, "EXPENSIVE_SECONDS", -1)
    # The deletion read its row before the page stored the copy ...
    read_before = Upload.objects.get(pk=first.pk)
    picture_of(upload=first)
    read_before.delete()
    assert stored_files() == sorted([second.file.name, second.thumbnail.name])
    # ... or the page read its original before the deletion.
    Upload.objects.filter(pk=second.pk).update(file="elsewhere")
    Prediction.objects.all().delete()
    Upload.objects.all()._raw_delete("default")
    picture_of(upload=second)
    assert stored_files() == sorted([second.file.name, second.thumbnail.name])


def test_nothing_is_left_of_an_upload_that_could_not_be_stored(all_expensive, stored_files):
    user = make_user("gone")
    owner = Owner(user=user)
    type(user).objects.all().delete()
    with pytest.raises(OwnerGone):
        classify(image=read_image(image_file()), owner=owner)
    assert stored_files() == []


def test_sweep_spares_a_copy_and_does_not_miss_one(user, all_expensive, stored_files, media_root, capsys):
    kept, without = (make_prediction(user, seed=seed).upload for seed in range(2))
    (media_root / without.working_copy.name).unlink()
    stray = media_root / "working_copies/00/stray.png"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"12345")
    call_command("sweep", "--older-than", "0")
    assert not stray.exists()
    assert kept.working_copy.name in stored_files()
    assert "lost" not in capsys.readouterr().err


def test_files_of_a_command_have_copies_too(user, all_expensive, stored_files, tmp_path):
    (tmp_path / "a.png").write_bytes(image_bytes())
    call_command("classify", str(tmp_path / "a.png"), "--save", "--owner", user.username)
    assert copy_of(upload=Upload.objects.get()) is not None
    assert len(stored_files()) == 3


def test_restored_site_makes_its_copies_again(tmp_path):
    site, other = Place(tmp_path / "site"), Place(tmp_path / "other")
    linked_model(site.models / "student_cnn")
    migrate(site.env)
    from_module = "from classifier.services.predictions import working_copies\n"
    site.shell(f"{from_module}working_copies.EXPENSIVE_SECONDS = -1{FILL}")
    assert sum("working_copies" in name for name in site.contents()) == 1
    site.run("backup", str(tmp_path / "site.tar"))
    other.run("restore", str(tmp_path / "site.tar"))
    assert not any("working_copies" in name for name in other.contents())
    look = "from classifier.models import Upload; print(repr(Upload.objects.get().working_copy.name))"
    assert other.shell(look) == "''"
