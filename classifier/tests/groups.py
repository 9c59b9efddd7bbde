"""Teachers, groups and pupils for the tests."""

from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.models import Pupil, PupilGroup
from classifier.services.groups.pupils import Card, add_pupils
from classifier.services.groups.sign_in import PIN_BACKEND
from classifier.services.groups.teaching import create_group
from classifier.tests.factories import make_user


def may_teach(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="teach"))
    # Without the permissions that it has cached.
    return User.objects.get(pk=user.pk)


def make_teacher(name: str = "teacher") -> User:
    return may_teach(make_user(name))


def make_group(teacher: User | None = None, *, name: str = "7b") -> PupilGroup:
    return create_group(teacher=teacher or make_teacher(), name=name)


def make_card(group: PupilGroup, nickname: str = "Оля") -> Card:
    (card,) = add_pupils(group=group, nicknames=[nickname])
    return card


def make_pupil(group: PupilGroup, nickname: str = "Оля") -> Pupil:
    return make_card(group, nickname).pupil


def client_of(pupil: Pupil) -> Client:
    client = Client()
    client.force_login(pupil.user, backend=PIN_BACKEND)
    return client
