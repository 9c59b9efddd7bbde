"""What two windows, or a program and its person, do to the same things at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import QuerySet
from django.test import Client

from classifier.models import Prediction, Upload
from classifier.services.history import deletion
from classifier.services.models.serving import active_model
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import OwnerGone, classify
from classifier.services.predictions.intake import read_image
from classifier.tests.api import program
from classifier.tests.factories import image_file, make_prediction, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "taras", "password1": PASSWORD, "password2": PASSWORD}


def at_once(*acts: Callable[[], object]) -> list:
    """Do all of this at the same moment, each in a thread with a connection of its own; return what comes of each."""
    together = Barrier(len(acts))

    def do(act: Callable[[], object]) -> object:
        try:
            together.wait()
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def window(user: User | None = None, *, session: str | None = None) -> Client:
    """A browser's window, in which an error of the site is an answer with the status 500."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    if session is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session
    return client


def test_upload_deleted_during_a_correction_is_not_found(user):
    one, other = window(user), window(user)
    for _round in range(10):
        address = f"/predictions/{make_prediction(user).pk}"
        corrected, undone, deleted = at_once(
            lambda address=address: one.post(f"{address}/correction/", {"label": "dog"}).status_code,
            lambda address=address: one.post(f"{address}/correction/", {"undo": "1"}).status_code,
            lambda address=address: other.post(f"{address}/delete/").status_code,
        )
        assert {corrected, undone} <= {302, 404}
        assert deleted == 302
        assert Upload.objects.count() == 0


def test_program_finds_no_longer_what_is_deleted_while_it_corrects_it(user):
    client, person = program(user), window(user)
    client.raise_request_exception = False
    for _round in range(10):
        number = make_prediction(user).pk
        address = f"/api/v1/predictions/{number}/correction/"
        corrected, _deleted = at_once(
            lambda address=address: client.put(address, {"label": "dog"}, "application/json").status_code,
            lambda number=number: person.post(f"/predictions/{number}/delete/").status_code,
        )
        assert corrected in (200, 404)


def test_name_goes_to_one_of_those_who_want_it_at_once(limit, settings):
    limit()
    # As slow as on a real site: the name is looked for, then the password hashed, then the row written.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    windows = [window() for _ in range(4)]
    answers = at_once(*(lambda one=one: one.post("/accounts/sign-up/", SIGN_UP) for one in windows))
    assert sorted(answer.status_code for answer in answers) == [302, 400, 400, 400]
    assert all("already exists" in answer.content.decode() for answer in answers if answer.status_code == 400)
    assert User.objects.get().username == "taras"


def test_account_is_deleted_whatever_is_uploaded_meanwhile(limit, stored_files):
    limit()
    for number in range(4):
        user = make_user(f"olena{number}")
        for seed in range(10):
            make_prediction(user, seed=seed)
        windows = [window(user) for _ in range(4)]
        password = {"password": f"password of {user.username}"}
        deleted, *answers = at_once(
            lambda one=windows[0], password=password: one.post("/accounts/delete/", password).status_code,
            *(
                lambda one=one: {one.post("/", {"image": image_file()}).status_code for _ in range(4)}
                for one in windows[1:]
            ),
        )
        assert deleted == 302
        # Who comes when the account is gone already is an anonymous visitor.
        assert set.union(*answers) <= {302, 403}
        assert not User.objects.exists()
        assert not Upload.objects.filter(owner__isnull=False).exists()
        assert len(stored_files()) == 2 * Upload.objects.count()


def test_nothing_is_kept_for_an_account_that_is_gone(user, stored_files):
    image = read_image(image_file())
    User.objects.filter(pk=user.pk).delete()
    with pytest.raises(OwnerGone):
        classify(image=image, owner=Owner(user=user))
    assert (stored_files(), Upload.objects.count()) == ([], 0)


def test_upload_during_sign_up_moves_to_the_account(limit):
    limit()
    active_model()
    for number in range(4):
        first = window()
        first.post("/", {"image": image_file()})
        visitor = Upload.objects.get(visitor__isnull=False).visitor
        session = first.cookies[settings.SESSION_COOKIE_NAME].value
        uploading = [window(session=session) for _ in range(4)]
        form = SIGN_UP | {"username": f"taras{number}", "takes_uploads": "on"}
        signed_up, *answers = at_once(
            lambda first=first, form=form: first.post("/accounts/sign-up/", form).status_code,
            *(lambda one=one: one.post("/", {"image": image_file()}).status_code for one in uploading),
        )
        assert (signed_up, {*answers}) == (302, {302})
        assert not Upload.objects.filter(visitor=visitor).exists()
        assert not Prediction.objects.filter(visitor=visitor).exists()
        Upload.objects.all().delete()


@pytest.mark.parametrize(
    "delete",
    [lambda user: deletion.delete_everything(owner=Owner(user=user)), lambda user: deletion.delete_account(user=user)],
)
def test_others_upload_while_a_large_history_is_deleted(user, monkeypatch, delete):
    monkeypatch.setattr(deletion, "_BATCH", 2)
    for seed in range(6):
        make_prediction(user, seed=seed)
    delete_batch, left = deletion._delete, []

    def delete_batch_and_upload(uploads: QuerySet[Upload]) -> int:
        """Another person uploads between two batches, on a connection of their own."""
        count = delete_batch(uploads)
        (status,) = at_once(lambda: window().post("/", {"image": image_file()}).status_code)
        left.append((status, Upload.objects.filter(owner=user).count()))
        return count

    monkeypatch.setattr(deletion, "_delete", delete_batch_and_upload)
    delete(user)
    assert left == [(302, 4), (302, 2), (302, 0)]
    assert set(Upload.objects.values_list("owner", flat=True)) == {None}
