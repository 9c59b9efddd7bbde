"""Text that reaches a column is bounded by a validator: SQLite stores any length, PostgreSQL answers with an error.

Every column is written by the site alone, or has a way on which something from outside gets there: a new one has to be
added to one of the two. After each way, whatever was sent, the rows of all tables fit.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.core.validators import MaxLengthValidator
from django.db.models import CharField, Field, FileField, TextField
from django.test import Client, RequestFactory
from rest_framework import serializers

import classifier.api.urls
import classifier.urls  # noqa: F401
from classifier.forms import accounts, classifiers, groups, history, jobs, password_reset, uploads
from classifier.models import Classifier, LearntClass, PupilGroup, TrainingRun
from classifier.services.groups.names import BadNickname
from classifier.services.groups.pupils import add_pupils, rename_pupil
from classifier.services.groups.teaching import open_joining
from classifier.services.models.publishing import publish
from classifier.services.models.training import end_run
from classifier.services.people.ownership import Owner
from classifier.services.people.tokens import BadName, create_token
from classifier.tests.classifiers import make_version
from classifier.tests.factories import (
    another_model,
    image_bytes,
    image_file,
    make_prediction,
    make_superuser,
    make_training_run,
    make_user,
)
from classifier.tests.groups import make_group, make_pupil
from classifier.tests.jobs import work, zip_file
from ml.artifacts.folder import ArtifactError

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
#: Longer than a column, also when it is folded; and what no column or no name takes.
HOSTILE = {
    "long": "x" * 2_000_000,
    "longer when folded": "ΐ" * 3_000,
    "nul": "nul\0nul",
    "control": "line\nfeed\x1b[31m",
}
#: More than this is no text that a person or a program has a reason to send.
MOST_TEXT = 100_000


def enter(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def makes_a_token(value: str) -> None:
    user = make_user()
    enter(user).post("/accounts/tokens/", {"name": value, "scope": value, "days": value})
    enter(user).post("/accounts/tokens/", {"name": value, "scope": "read", "days": 30})
    with pytest.raises(BadName):
        create_token(user=user, name=value, scope="read", days=30)
    with pytest.raises(CommandError):
        call_command("tokens", "create", user.username, value)


def invites(value: str) -> None:
    enter(make_superuser()).post("/admin/classifier/invitation/add/", {"count": 1, "days": 7, "note": value})


def uploads_a_file(value: str) -> None:
    for name in (value[:MOST_TEXT], value[:MOST_TEXT] + ".jpg"):
        assert Client().post("/", {"image": image_file(name)}).status_code in (302, 400)


def submits_an_archive(value: str) -> None:
    """Send long names for the archive and for a file in it; ZIP allows 65,535 bytes."""
    archive = zip_file({f"{value[:20_000]}.jpg": image_bytes(), "empty.jpg": b""}, name=value[:MOST_TEXT] + ".zip")
    assert Client().post("/jobs/", {"kind": "classify", "archive": archive}).status_code == 302
    work()


def corrects(value: str) -> None:
    prediction = make_prediction(user := make_user())
    client = enter(user)
    client.post(f"/predictions/{prediction.pk}/correction/", {"label": value})
    words = json.dumps({"label": value})
    client.put(f"/api/v1/predictions/{prediction.pk}/correction/", words, content_type="application/json")


@pytest.fixture
def publishes(tmp_path) -> Callable:
    def way(value: str) -> None:
        """What a card says becomes the names of models, of their networks and of classes."""
        for number, entries in enumerate(({"class_names": [value, "cat"]}, {"networks": {value: {}}}, {"name": value})):
            folder = another_model(tmp_path / f"model-{number}")
            card = json.loads((folder / "card.json").read_text()) | entries
            (folder / "card.json").write_text(json.dumps(card))
            with pytest.raises(ArtifactError):
                publish(folder=folder)

    return way


def trains(value: str) -> None:
    with pytest.raises((CommandError, ArtifactError)):
        call_command("train", "--name", value)
    end_run(run=make_training_run(), status=TrainingRun.Status.FAILED, message=value)


def signs_in_and_up(value: str) -> None:
    names = {"username": value, "email": value}
    Client().post(f"/accounts/sign-in/?next={value[:9000]!a}", names | {"password": value})
    Client().post("/accounts/sign-in/", {"username": "x", "password": "x"}, headers=dict.fromkeys(HEADERS, "x" * 9000))
    Client().post("/accounts/sign-up/", names | {"password1": PASSWORD, "password2": PASSWORD})
    Client().post("/accounts/reset/", names)


def administers(value: str) -> None:
    client, user = enter(make_superuser()), make_user()
    words = {"username": value, "first_name": value, "last_name": value, "email": value, "name": value}
    client.post("/admin/auth/user/add/", words | {"password1": PASSWORD, "password2": PASSWORD})
    client.post(f"/admin/auth/user/{user.pk}/change/", words)
    client.post("/admin/auth/group/add/", words)


def teaches_own_classes(value: str) -> None:
    """Name a classifier, its classes, a file and a reason so."""
    client = enter(user := make_user())
    client.post("/classifiers/", {"name": value, "classes": value})
    client.post("/classifiers/", {"name": "mine", "classes": "bolts"})
    mine = user.classifiers.get(name="mine")
    address = f"/classifiers/{mine.pk}/"
    for action in ("add_class", "rename_class", value[:MOST_TEXT]):
        client.post(address, {"action": action, "name": value, "learnt_class": mine.classes.get().pk})
    client.post(f"{address}examples/", {"class_name": value, "images": image_file("x.jpg")})
    version = make_version(make_prediction(user))
    client.post(f"/classifiers/{version.classifier_id}/versions/1/", {"reason": value})


def names_a_group_and_pupils(value: str) -> None:
    group = make_group()
    client = enter(group.teacher)
    client.post("/groups/", {"name": value})
    address = f"/groups/{group.pk}/"
    client.post(address, {"action": "rename", "name": value})
    client.post(address, {"nicknames": value})
    client.post(f"{address}pupils/{make_pupil(group, 'a').pk}/", {"nickname": value})
    client.post(f"{address}cards.csv", {"cards": value})
    open_joining(group=group, hours=1)
    Client().post("/join/", {"code": value})
    for action in ("join", "sign_in"):
        Client().post(f"/join/{group.code}/", {"action": action, "nickname": value, "pin": value})
    for change in (
        lambda: add_pupils(group=group, nicknames=[value]),
        lambda: rename_pupil(pupil=make_pupil(group), nickname=value),
        lambda: authenticate(RequestFactory().post("/"), group=group, nickname=value, pin=value[:MOST_TEXT]),
    ):
        with suppress(BadNickname):
            change()


HEADERS = ("user-agent", "accept", "accept-language", "x-forwarded-for", "x-request-id")
WAYS = {way.__name__: way for way in (makes_a_token, invites, uploads_a_file, corrects, trains)}
WAYS |= {names_a_group_and_pupils.__name__: names_a_group_and_pupils}
WAYS |= {way.__name__: way for way in (submits_an_archive, signs_in_and_up, administers, teaches_own_classes)}
FROM_OUTSIDE = {
    "ApiToken.name": "makes_a_token",
    "ApiToken.scope": "makes_a_token",
    "Classifier.name": "teaches_own_classes",
    "Comparison.reason": "teaches_own_classes",
    "Correction.label": "corrects",
    "HeldOutAnswer.class_name": "teaches_own_classes",
    "HeldOutAnswer.predicted": "teaches_own_classes",
    "Invitation.note": "invites",
    "Job.name": "submits_an_archive",
    "JobItem.name": "submits_an_archive",
    "LearntClass.folded_name": "teaches_own_classes",
    "LearntClass.name": "teaches_own_classes",
    "ModelVersion.folder": "publishes",
    "ModelVersion.name": "publishes",
    "PinFailures.folded_nickname": "names_a_group_and_pupils",
    "Prediction.corrected_class": "corrects",
    "Prediction.network": "publishes",
    "Prediction.predicted_class": "publishes",
    "Pupil.folded_nickname": "names_a_group_and_pupils",
    "Pupil.nickname": "names_a_group_and_pupils",
    "PupilGroup.name": "names_a_group_and_pupils",
    "RevisionItem.class_name": "teaches_own_classes",
    "TrainingRun.message": "trains",
    "TrainingRun.name": "trains",
    "Upload.folded_name": "uploads_a_file",
    "Upload.original_name": "uploads_a_file",
}
WRITTEN_BY_THE_SITE = {
    "ApiToken.digest": "a hash",
    "ApiToken.token_key": "a part of a hash",
    "Example.group": "a hash",
    "Example.source": "one of those there are",
    "Features.backbone": "a hash",
    "Head.backbone": "a hash",
    "Invitation.digest": "a hash",
    "Job.error_code": "one of those there are",
    "Job.file": "a random name",
    "Job.kind": "one of those there are",
    "Job.result": "a random name",
    "Job.state": "one of those there are",
    "JobItem.error_code": "one of those there are",
    "JobItem.reference": "a number",
    "JobItem.state": "one of those there are",
    "JobPart.claimed_by": "the name of the machine, and a number",
    "ModelVersion.digest": "a hash",
    "Prediction.preprocessing_version": "a constant",
    "Pupil.link_digest": "a hash",
    "Pupil.pin": "a hash",
    "PupilGroup.code": "random letters",
    "Revision.digest": "a hash",
    "TrainingRun.architecture": "one of those there are",
    "TrainingRun.dataset_fingerprint": "a hash",
    "TrainingRun.machine": "cut off",
    "TrainingRun.status": "one of those there are",
    "Upload.content_type": "one of ml.images.formats",
    "Upload.file": "a random name",
    "Upload.format": "one of ml.images.formats",
    "Upload.sha256": "a hash",
    "Upload.thumbnail": "a random name",
    "Upload.working_copy": "a random name",
}


def text_columns(app: str | None = None) -> Iterator[Field]:
    for table in apps.get_models():
        if app in (None, table._meta.app_label):
            yield from (field for field in table._meta.fields if isinstance(field, (CharField, TextField, FileField)))


def misfits() -> list[str]:
    """The columns with a value that PostgreSQL would refuse, or that is longer than any text."""
    return [
        f"{field.model.__name__}.{field.name}: {len(value)}"
        for field in text_columns()
        for value in field.model.objects.values_list(field.attname, flat=True)
        if value and (len(value) > (field.max_length or MOST_TEXT) or "\0" in value)
    ]


def test_it_is_known_for_every_column_how_text_gets_there():
    columns = {f"{field.model.__name__}.{field.name}" for field in text_columns("classifier")}
    assert columns == set(FROM_OUTSIDE) | set(WRITTEN_BY_THE_SITE)
    assert set(FROM_OUTSIDE.values()) <= set(WAYS) | {"publishes"}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_that_is_sent_is_stored_longer_than_its_column(way, value, settings):
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "mail.example.org", "site@example.org"
    way(value)
    assert misfits() == []


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_a_card_says_is_stored_longer_than_its_column(publishes, value):
    publishes(value)
    assert misfits() == []


def test_folder_deeper_than_its_column_is_refused(tmp_path):
    deep = tmp_path.joinpath(*["deep" * 25] * 5)
    with pytest.raises(ArtifactError, match="longer than 500 characters"):
        publish(folder=another_model(deep / "model"))


ARGUMENTS = {
    classifiers.ClassifierActionForm: {"classifier": Classifier()},
    classifiers.OtherModelForm: {"owner": Owner()},
    classifiers.HistoryExampleForm: {"classes": LearntClass.objects.none()},
    groups.GroupActionForm: {"group": PupilGroup()},
    accounts.SignInForm: {"visitor": None, "is_left": False},
    accounts.SignUpForm: {"visitor": None, "is_left": False},
    accounts.ChangeEmailForm: {"user": None, "request": None},
    accounts.DeleteAccountForm: {"user": None, "request": None},
    accounts.ChangePasswordForm: {"user": None, "request": None},
    password_reset.NewPasswordForm: {"user": None},
    history.SearchForm: {"data": {}, "owner": Owner()},
    history.SelectionForm: {"data": {}},
    uploads.UploadForm: {"is_anonymous": True},
    uploads.ExampleForm: {"is_anonymous": True},
    jobs.RescoreForm: {"may_rescore_all": True, "owner": Owner()},
    **{form: {"owner": Owner()} for form in jobs.FORMS.values() if form is not jobs.RescoreForm},
}


def subclasses(base: type) -> Iterator[type]:
    """Those of this site that are used as they are."""
    for one in base.__subclasses__():
        yield from subclasses(one)
        if one.__module__.startswith("classifier.") and not one.__name__.startswith("_"):
            yield one


def unbounded(fields: dict[str, forms.Field]) -> list[str]:
    """The fields that take text of any length. What a password field takes is hashed, and stored nowhere."""
    return [
        name
        for name, field in fields.items()
        if isinstance(field, forms.CharField)
        and not isinstance(field, forms.UUIDField)
        and not isinstance(field.widget, forms.PasswordInput)
        and not any(isinstance(validator, MaxLengthValidator) for validator in field.validators)
    ]


def test_every_field_of_text_in_a_form_is_bounded(settings):
    settings.EMAIL_HOST = "mail.example.org"
    found = {form: unbounded(form(**ARGUMENTS.get(form, {})).fields) for form in set(subclasses(forms.BaseForm))}
    assert len(found) >= 10
    assert {form.__name__: names for form, names in found.items() if names} == {}


def test_every_field_of_text_in_the_admin_is_bounded():
    request = RequestFactory().get("/admin/")
    request.user = make_superuser()
    rows = {User: request.user, Group: Group.objects.create(name="editors"), PupilGroup: make_group()}
    for table in filter(admin.site.is_registered, apps.get_models()):
        page = admin.site.get_model_admin(table)
        if page.has_change_permission(request):
            for row in (None, rows[table]):
                assert unbounded(page.get_form(request, row, change=row is not None)().fields) == []


#: Where the serializers are that write answers, and read nothing.
ANSWERS = (
    "classifier.api.representations",
    "classifier.api.job_representations",
    "classifier.api.classifier_representations",
    "classifier.api.problems",
)


def test_every_field_of_text_that_the_api_takes_is_bounded():
    found = [
        f"{serializer.__name__}.{name}"
        for serializer in subclasses(serializers.Serializer)
        if serializer.__module__ not in ANSWERS
        for name, field in serializer().fields.items()
        if isinstance(field, serializers.CharField) and not field.read_only and field.max_length is None
    ]
    assert found == []
