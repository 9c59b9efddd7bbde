"""SIGN_UP: open to everybody, to people with an invitation, or to nobody."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from classifier.models import Invitation
from classifier.services.people.invitations import create_invitations
from classifier.tests.factories import make_superuser, make_user
from classifier.tests.test_admin import staff_with
from classifier.tests.test_races import at_once

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "taras", "password1": PASSWORD, "password2": PASSWORD}
PLAIN = "/accounts/sign-up/"


@pytest.fixture
def invite(settings, user):
    settings.SIGN_UP = "invite"

    def create(days: int = 7) -> str:
        (secret,) = create_invitations(count=1, days=days, note="", by=user)
        return f"{PLAIN}{secret}/"

    return create


def test_nobody_signs_up_where_it_is_closed(client, invite, settings):
    link = invite()
    settings.SIGN_UP = "closed"
    for path in (PLAIN, link):
        page = client.get(path)
        assert page.status_code == 403
        assert "Sign-up is closed" in page.text
        assert "Ask an administrator of this site to create an account for you." in page.text
        assert client.post(path, SIGN_UP).status_code == 403
    assert not User.objects.filter(username="taras").exists()
    assert f'href="{PLAIN}"' not in client.get("/accounts/sign-in/").text


def test_invitation_makes_one_account(client, invite):
    link = invite()
    assert "Sign-up needs an invitation" in client.get(PLAIN).text
    assert client.post(PLAIN, SIGN_UP).status_code == 403
    assert client.get(link).status_code == 200
    assert client.post(link, SIGN_UP | {"password2": "another"}).status_code == 400
    assert client.post(link, SIGN_UP).url == "/history/"
    used = Invitation.objects.get()
    assert (used.used_by.username, used.works) == ("taras", False)
    page = Client().post(link, SIGN_UP | {"username": "ivan"})
    assert page.status_code == 403
    assert "This invitation does not work" in page.text
    assert set(User.objects.values_list("username", flat=True)) == {"olena", "taras"}


def test_expired_and_invented_invitations_do_not_work(client, invite):
    link = invite()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for path in (link, f"{PLAIN}{'x' * 32}/", f"{PLAIN}%00/"):
        assert (client.get(path).status_code, client.post(path, SIGN_UP).status_code) == (403, 403)


def test_name_that_is_taken_leaves_the_invitation(client, invite):
    link = invite()
    assert client.post(link, SIGN_UP | {"username": "olena"}).status_code == 400
    assert Invitation.objects.get().works


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_use_an_invitation_at_once_one_gets_an_account(invite):
    link = invite()
    statuses = at_once(
        *(
            lambda name=name: Client().post(link, SIGN_UP | {"username": name}).status_code
            for name in ("ivan", "taras", "lesia")
        )
    )
    assert sorted(statuses) == [302, 403, 403]
    assert User.objects.exclude(username="olena").count() == 1


def test_staff_creates_links_in_the_admin_which_are_shown_once(client, invite):
    staff = staff_with("add_invitation", "view_invitation")
    assert "How many" in staff.get("/admin/classifier/invitation/add/").text
    page = staff.post("/admin/classifier/invitation/add/", {"count": 3, "days": 7, "note": "class 7b"})
    links = re.findall(r"<code>http://testserver(/\S+/)</code>", page.text)
    assert len(set(links)) == 3
    assert "no-store" in page["Cache-Control"]
    assert client.post(links[1], SIGN_UP).status_code == 302
    listed = staff.get("/admin/classifier/invitation/").text
    assert "class 7b" in listed
    assert "taras" in listed
    assert not any(link.split("/")[-2] in listed + str([*Invitation.objects.values()]) for link in links)


@pytest.mark.parametrize("changes", [{"count": 0}, {"count": 201}, {"days": 91}, {"days": "x"}, {"note": "x" * 151}])
def test_bad_numbers_create_no_invitation(invite, changes):
    staff = staff_with("add_invitation")
    words = {"count": 1, "days": 7, "note": ""} | changes
    assert "errorlist" in staff.post("/admin/classifier/invitation/add/", words).text
    assert not Invitation.objects.exists()


def test_invitations_need_their_permission(invite):
    staff = staff_with("view_invitation")
    assert staff.post("/admin/classifier/invitation/add/", {"count": 1, "days": 7}).status_code == 403
    assert staff.get("/admin/classifier/invitation/").status_code == 200


def test_administrator_adds_an_account_where_sign_up_is_closed(client, settings):
    settings.SIGN_UP = "closed"
    admin = Client()
    admin.force_login(make_superuser("root"))
    admin.post("/admin/auth/user/add/", SIGN_UP | {"usable_password": "true"})
    words = {"username": "taras", "password": PASSWORD}
    assert client.post("/accounts/sign-in/", words).status_code == 302


def test_old_invitations_are_deleted(invite):
    invite()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=91))
    invite()
    assert [invitation.works for invitation in Invitation.objects.all()] == [True]


def test_deleting_an_account_leaves_the_invitations_it_created(invite):
    invite()
    User.objects.get(username="olena").delete()
    assert Invitation.objects.get().created_by is None
    assert make_user("olena").pk
