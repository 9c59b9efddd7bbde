"""Find a classifier of somebody's own classes by what is typed."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from classifier.models import Classifier
from classifier.services.history.identifiers import as_uuid


def find_classifier(name: str, *, owner: str | None = None) -> Classifier:
    """Return the classifier with this id or name. owner: the username of its owner, where several have the name.

    Raises CommandError.
    """
    found = Classifier.objects.select_related("owner")
    if owner is not None:
        found = found.filter(owner=find_account(owner))
    pk = as_uuid(name)
    classifiers = list(found.filter(name=name)[:2] if pk is None else found.filter(pk=pk))
    if not classifiers:
        raise CommandError(f"There is no classifier {name!r}. See: manage.py classifier list")
    if len(classifiers) > 1:
        raise CommandError(f"Several classifiers are named {name!r}. Use an ID. See: manage.py classifier list")
    return classifiers[0]


def find_account(username: str) -> User:
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no account {username!r}.")
    return user
