"""A visitor has a session only when something is stored; expired ones are deleted."""

import io
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from classifier.models import Upload
from classifier.tests.factories import image_file, make_prediction
from classifier.tests.routes import routes
from classifier.tests.strangers import owner_with_account

pytestmark = pytest.mark.django_db


def test_no_page_gives_a_visitor_a_session():
    facts = owner_with_account().facts
    Session.objects.all().delete()
    for route in routes():
        Client().get(route.address(facts))
        assert not Session.objects.exists(), str(route)


def test_request_that_stores_nothing_creates_no_session(client, user):
    client.post("/", {"image": image_file("a.jpg", b"no image")})
    client.post("/", {"image": image_file(), "keep": 0})
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    client.post("/accounts/sign-in/", {"username": "olena", "password": "wrong"})
    client.post("/accounts/sign-out/")
    client.post("/history/delete/")
    client.get("/history/?name=cat")
    assert not Session.objects.exists()
    client.post("/", {"image": image_file()})
    assert Session.objects.count() == 1


def expire_sessions() -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def housekeeping(**options) -> str:
    out = io.StringIO()
    call_command("housekeeping", stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_housekeeping_by_hand_does_what_the_running_site_does(user, client, user_client, stored_files):
    client.post("/", {"image": image_file()})
    expired = make_prediction(user).upload
    Upload.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    name = default_storage.save("uploads/00/left.jpg", image_file())
    Session.objects.filter(pk=Session.objects.first().pk).update(expire_date=timezone.now() - timedelta(days=1))
    said = housekeeping(older_than=0)
    assert "One upload was deleted." in said
    assert "One session was deleted." in said
    assert "1 files without an upload were removed" in said
    assert Session.objects.count() == 1
    assert len(stored_files()) == 2
    assert name not in stored_files()
    expire_sessions()
    assert "One session was deleted." in housekeeping()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_housekeeping_fails_when_a_file_is_missing(user):
    default_storage.delete(make_prediction(user).upload.file.name)
    with pytest.raises(CommandError, match="missing a file"):
        housekeeping(older_than=0)
