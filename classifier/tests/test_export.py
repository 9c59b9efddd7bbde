"""The history taken home: as a table and as an archive, of what the search asks for and of nobody else's."""

import csv
import io
import json
import unicodedata
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.models import Prediction
from classifier.services.history.export import safe_name
from classifier.tests.factories import image_bytes, make_prediction

pytestmark = pytest.mark.django_db(transaction=True)


def content(response) -> bytes:
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response.streaming_content)


def rows(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))


def test_table_contains_every_field_of_a_prediction(user, user_client):
    make_prediction(name="somebody else's.jpg")
    older = make_prediction(user, name="Кіт, мій.jpg", seed=1, corrected_class="dog", was_right=False)
    newer = make_prediction(user, name="=HYPERLINK(1).jpg", seed=2)
    response = user_client.get("/history/predictions.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="predictions-2')
    first, second = rows(content(response))
    assert [first["id"], second["id"]] == [str(newer.pk), str(older.pk)]
    assert first["file_name"] == "'=HYPERLINK(1).jpg"
    assert second["file_name"] == "Кіт, мій.jpg"
    assert (second["class"], second["corrected_class"], second["was_right"]) == (older.predicted_class, "dog", "false")
    assert (first["corrected_class"], first["was_right"]) == ("", "")
    assert float(second["confidence"]) == pytest.approx(older.confidence, abs=1e-6)
    assert json.loads(second["probabilities"]).keys() == {*older.model_version.class_names}
    assert second["model"] == "student_cnn@1"
    assert second["sha256"] == older.upload.sha256


def test_archive_has_each_image_in_the_folder_of_its_class_and_the_table(user, user_client):
    make_prediction(name="somebody else's.jpg")
    make_prediction(user, name="../../Мій кіт?.jpg", seed=1, predicted_class="cat", abstained=False)
    make_prediction(user, name="a.jpg", seed=2, predicted_class="cat", abstained=False, corrected_class="dog")
    make_prediction(user, name=" .jpg", seed=3, predicted_class="cat", abstained=True)
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip"))))
    assert archive.testzip() is None
    table, *images = archive.namelist()
    assert table == "predictions.csv"
    assert len(rows(archive.read(table))) == 3
    by_folder = {path.partition("/")[0]: path for path in images}
    assert by_folder.keys() == {"cat", "dog", "none"}
    assert by_folder["cat"].startswith("cat/Мій кіт_-")
    assert by_folder["none"].endswith(".jpg")
    assert archive.read(by_folder["dog"]) == image_bytes(seed=2)


def test_both_hold_what_the_search_asks_for_in_its_order(user, user_client):
    for seed, confidence in enumerate((0.5, 0.9, 0.7)):
        make_prediction(user, name=f"{seed}.jpg", seed=seed, confidence=confidence)
    asked = {"lowest": "60", "order": "surest"}
    table = rows(content(user_client.get("/history/predictions.csv", asked)))
    assert [row["file_name"] for row in table] == ["1.jpg", "2.jpg"]
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip", asked))))
    assert [row["file_name"] for row in rows(archive.read("predictions.csv"))] == ["1.jpg", "2.jpg"]
    assert len(archive.namelist()) == 3


def test_more_rows_than_are_read_at_a_time_all_come(user, user_client, monkeypatch):
    monkeypatch.setattr("classifier.services.history.pagination._CHUNK", 2)
    made = [make_prediction(user, seed=seed) for seed in range(5)]
    table = rows(content(user_client.get("/history/predictions.csv")))
    assert [row["id"] for row in table] == [str(prediction.pk) for prediction in made[::-1]]


def test_image_whose_file_is_gone_has_its_line_alone(user, user_client, media_root):
    gone, kept = make_prediction(user, name="gone.jpg"), make_prediction(user, name="kept.jpg", seed=1)
    (media_root / gone.upload.file.name).unlink()
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip"))))
    assert [row["id"] for row in rows(archive.read("predictions.csv"))] == [str(kept.pk), str(gone.pk)]
    assert len(archive.namelist()) == 2


def test_ticked_images_come_alone(user, user_client):
    wanted, other = make_prediction(user, name="wanted.jpg"), make_prediction(user, name="other.jpg", seed=1)
    somebody_elses = make_prediction()
    sent = {"action": "download", "predictions": [str(wanted.pk), str(somebody_elses.pk)]}
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.post("/history/selected/", sent))))
    assert [row["file_name"] for row in rows(archive.read("predictions.csv"))] == ["wanted.jpg"]
    assert other.upload.original_name not in str(archive.namelist())


def test_empty_history_gives_a_header_alone(client):
    assert rows(content(client.get("/history/predictions.csv"))) == []


def test_archive_has_what_was_made_before_the_clock_was_set_back(user, user_client):
    made = [make_prediction(user, seed=seed) for seed in range(2)]
    Prediction.objects.filter(pk=made[0].pk).update(created_at=timezone.now() + timedelta(hours=2))
    sent = {"action": "download", "predictions": [str(prediction.pk) for prediction in made]}
    for answer in (user_client.get("/history/predictions.zip"), user_client.post("/history/selected/", sent)):
        archive = zipfile.ZipFile(io.BytesIO(content(answer)))
        assert len(archive.namelist()) == 3
        assert all(str(prediction.pk) in archive.read("predictions.csv").decode() for prediction in made)


def test_archive_of_nothing_is_an_empty_table(user_client):
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip"))))
    assert archive.namelist() == ["predictions.csv"]


WINDOWS = {
    "CON": "_CON",
    "con.tar": "_con.tar",
    "LPT1": "_LPT1",
    "COM\u00b9": "_COM\u00b9",
    "console": "console",
    "dots...": "dots",
    "a:b*c?": "a_b_c_",
    "...": "_",
    "../up": ".._up",
    "tab\there": "tab_here",
    "x" * 100: "x" * 80,
    unicodedata.normalize("NFD", "їжак"): "їжак",
    "हिन्दी": "हिन्दी",
    "猫" * 100: "猫" * 80,
}


def test_folders_of_an_archive_can_be_made_on_windows(user, user_client):
    for seed, name in enumerate(WINDOWS):
        make_prediction(user, name="CON.jpg", seed=seed, predicted_class=name, abstained=False)
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip"))))
    places = [path.split("/") for path in archive.namelist()[1:]]
    assert {folder for folder, _name in places} == {*WINDOWS.values()}
    assert all(len(part.encode()) <= 255 for place in places for part in place)


def test_classes_that_differ_only_in_what_windows_forbids_have_folders_of_their_own(user, user_client):
    classes = ["a:b", "a*b", "A?B", "a:b"]
    for seed, name in enumerate(classes):
        make_prediction(user, name=f"{seed}.jpg", seed=seed, predicted_class=name, abstained=False)
    archive = zipfile.ZipFile(io.BytesIO(content(user_client.get("/history/predictions.zip"))))
    folders = {path.split("/")[1][0]: path.split("/")[0] for path in archive.namelist()[1:]}
    assert folders["0"] == folders["3"]
    assert len({folder.casefold() for folder in folders.values()}) == 3


def test_names_of_files_keep_the_letters_of_every_script(user):
    names = {"हिन्दी.jpg": "हिन्दी", "con.jpg": "_con", "漢" * 100 + ".jpg": "漢" * 66, "b.. .jpg": "b__"}
    for seed, (name, expected) in enumerate(names.items()):
        upload = make_prediction(user, name=name, seed=seed).upload
        assert safe_name(upload) == f"{expected}.jpg"


def test_no_text_of_the_table_is_computed_or_parted(user, user_client):
    answer = {"predicted_class": "=1+1", "corrected_class": "@x", "was_right": False, "abstained": False}
    make_prediction(user, name="a;b.jpg", **answer)
    table = content(user_client.get("/history/predictions.csv"))
    assert table.startswith(b"\xef\xbb\xbf")
    assert b'"a;b.jpg"' in table
    (row,) = rows(table)
    assert (row["class"], row["corrected_class"]) == ("'=1+1", "'@x")
