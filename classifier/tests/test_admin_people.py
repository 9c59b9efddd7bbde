"""What staff may do with accounts in the admin: never more than to those that have fewer rights."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from classifier.tests.factories import make_user
from classifier.tests.test_admin import staff_with

pytestmark = pytest.mark.django_db


RIGHTS = {"is_staff": "on", "is_superuser": "on"}


def change_page(user: User) -> str:
    return f"/admin/auth/user/{user.pk}/change/"


@pytest.fixture
def manager(db) -> Client:
    """Staff that may do everything with accounts and groups, and is no superuser."""
    rights = [f"{verb}_{kind}" for verb in ("view", "add", "change", "delete") for kind in ("user", "group", "upload")]
    return staff_with(*rights, name="manager")


def test_staff_gives_nobody_rights(manager):
    user, group = make_user("olena"), Group.objects.create(name="everything")
    assert manager.get(change_page(user)).status_code == 200
    joined = {"date_joined_0": "2026-11-27", "date_joined_1": "12:00:00"}
    powers = {"groups": [group.pk], "user_permissions": [Permission.objects.first().pk]}
    words = {"username": "olena", "first_name": "Olena", "is_active": "on", **joined, **RIGHTS, **powers}
    assert manager.post(change_page(user), words).status_code == 302
    user.refresh_from_db()
    assert user.first_name == "Olena"
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.groups.exists()
    assert not user.user_permissions.exists()


@pytest.mark.parametrize(
    "rights", [{"is_staff": True}, {"is_superuser": True}, {"is_staff": True, "is_superuser": True}]
)
def test_staff_changes_no_account_with_more_rights(manager, rights):
    person = make_user("root", **rights)
    words = {"username": "root", "email": "manager@example.org", "is_active": "on"}
    assert manager.post(change_page(person), words).status_code == 403
    new = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}
    assert manager.post(f"/admin/auth/user/{person.pk}/password/", new).status_code == 403
    assert manager.post(f"/admin/auth/user/{person.pk}/delete/", {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [person.pk, make_user("olena").pk]}
    assert "staff accounts" in manager.post("/admin/auth/user/", selected).text
    assert manager.post("/admin/auth/user/", selected | {"post": "yes"}).status_code == 403
    kept = User.objects.get(pk=person.pk)
    assert (kept.email, kept.check_password("password of root")) == ("", True)
    assert User.objects.filter(username="olena").exists()


def test_staff_changes_no_rights_of_its_own_and_no_groups(manager):
    own, group = User.objects.get(username="manager"), Group.objects.create(name="managers")
    own.groups.add(group)
    assert manager.post(change_page(own), {"username": "manager", **RIGHTS}).status_code == 403
    permissions = {"name": "managers", "permissions": [Permission.objects.first().pk]}
    assert manager.post(f"/admin/auth/group/{group.pk}/change/", permissions).status_code == 403
    assert manager.post("/admin/auth/group/add/", permissions | {"name": "others"}).status_code == 403
    assert manager.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403
    assert not group.permissions.exists()


def test_staff_manages_accounts_that_are_not_staff(manager):
    user = make_user("olena")
    new = {"password1": "correct horse battery", "password2": "correct horse battery", "usable_password": "true"}
    assert manager.post(f"/admin/auth/user/{user.pk}/password/", new).status_code == 302
    user.refresh_from_db()
    assert user.check_password("correct horse battery")
    assert manager.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == 302
