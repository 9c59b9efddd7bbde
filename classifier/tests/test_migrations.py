"""Rows that older versions of the site have written are whole after an upgrade."""

import unicodedata
import uuid
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from classifier.sessions import SessionStore
from classifier.tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

UPLOAD = {
    "file": "uploads/a.jpg",
    "thumbnail": "thumbnails/a.jpg",
    "original_name": "Мій КІТ.jpg",
    "sha256": "0" * 64,
    "format": "JPEG",
    "content_type": "image/jpeg",
    "width": 8,
    "height": 8,
    "size": 1,
}
PREDICTION = {
    "probabilities": [1.0],
    "predicted_class": "cat",
    "confidence": 1.0,
    "preprocessing_version": "1",
    "timings": {},
}


@pytest.fixture
def migrate():
    """A function that brings the database to a migration and returns its models; at the end all are applied again."""

    def to(name: str):
        executor = MigrationExecutor(connection)
        executor.migrate([("classifier", name)])
        return executor.loader.project_state([("classifier", name)]).apps

    yield to
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_predictions_get_the_owners_of_their_uploads_and_names_can_be_searched(migrate):
    user, visitor = make_user(), uuid.uuid4()
    old = migrate("0005_prediction_seen_whole")
    version = old.get_model("classifier", "ModelVersion").objects.create(
        name="first", number=1, folder="first", digest="1", card={}
    )
    for owner in ({"owner_id": user.pk}, {"visitor": visitor}):
        upload = old.get_model("classifier", "Upload").objects.create(**UPLOAD, **owner)
        old.get_model("classifier", "Prediction").objects.create(upload=upload, model_version=version, **PREDICTION)
    new = migrate("0008_prediction_indexes")
    rows = new.get_model("classifier", "Prediction").objects.values_list(
        "owner", "visitor", "upload__folded_name", "was_right", "corrected_class"
    )
    assert sorted(rows, key=str) == sorted(
        [(user.pk, None, "мій кіт.jpg", None, ""), (None, visitor, "мій кіт.jpg", None, "")], key=str
    )


def test_sessions_go_on_after_their_keys_are_hashed(migrate):
    migrate("0014_anonymous_uploads")
    key, data = "k" * 32, SessionStore().encode({"fruit": "pear"})
    Session.objects.create(session_key=key, session_data=data, expire_date=timezone.now() + timedelta(days=1))
    assert SessionStore(key).get("fruit") is None
    migrate("0015_hashed_session_keys")
    assert SessionStore(key)["fruit"] == "pear"


def test_names_from_macs_can_be_searched_as_they_are_written(migrate):
    old = migrate("0019_upload_name_by_pattern").get_model("classifier", "Upload")
    name = unicodedata.normalize("NFD", "Мій їжак.jpg")
    names = {"original_name": name, "folded_name": name.casefold()}
    changed = old.objects.create(**UPLOAD | names, visitor=uuid.uuid4())
    new = migrate("0020_composed_names").get_model("classifier", "Upload")
    row = new.objects.get(pk=changed.pk)
    assert (row.original_name, row.folded_name) == ("Мій їжак.jpg", "мій їжак.jpg")
