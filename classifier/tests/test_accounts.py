import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from classifier.tests.factories import make_user
from classifier.web.sessions import SessionStore, stored_key

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
SIGN_UP = {"username": "taras", "password1": PASSWORD, "password2": PASSWORD}


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def test_signing_up_makes_an_account_and_signs_in(client):
    page = client.post("/accounts/sign-up/", SIGN_UP, follow=True)
    assert page.redirect_chain == [("/history/", 302)]
    assert page.wsgi_request.user.username == "taras"
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"username": "olena"}, "A user with that username already exists."),
        ({"username": "two words"}, "Enter a valid username."),
        ({"username": ""}, "This field is required."),
        ({"password2": "another"}, "The two password fields didn’t match."),
        ({"password1": "12345678", "password2": "12345678"}, "This password is too common."),
        ({"password1": "short7!", "password2": "short7!"}, "This password is too short."),
    ],
)
def test_bad_sign_up_says_what_is_wrong(client, user, changes, message):
    page = client.post("/accounts/sign-up/", SIGN_UP | changes)
    assert page.status_code == 400
    assert message in page.text
    assert [*User.objects.all()] == [user]
    assert not is_signed_in(client)


def test_signing_in_and_out(client, user):
    assert client.post("/accounts/sign-in/", {"username": "olena", "password": "password of olena"}).url == "/"
    assert is_signed_in(client)
    assert "olena" in client.get("/").text
    assert client.get("/accounts/sign-out/").status_code == 405
    assert is_signed_in(client)
    assert client.post("/accounts/sign-out/").url == "/"
    assert not is_signed_in(client)


@pytest.mark.parametrize(("name", "password"), [("olena", "wrong"), ("nobody", "password of olena"), ("OLENA", "x")])
def test_wrong_name_or_password_gets_the_same_answer(client, user, name, password):
    page = client.post("/accounts/sign-in/", {"username": name, "password": password})
    assert "Please enter a correct username and password." in page.text
    assert not is_signed_in(client)


def test_sign_in_redirects_to_the_requested_page_but_not_to_another_site(client, user):
    words = {"username": "olena", "password": "password of olena"}
    assert client.post("/accounts/sign-in/?next=/history/", words).url == "/history/"
    client.post("/accounts/sign-out/")
    assert client.post("/accounts/sign-in/?next=https://example.com/", words).url == "/"


@pytest.mark.parametrize("page", ["sign-up", "sign-in"])
def test_signed_in_person_is_not_asked_again(user_client, page):
    assert user_client.get(f"/accounts/{page}/").url == "/"


def test_password_change_keeps_the_session_and_only_the_new_one_opens(client, user, user_client):
    words = {"old_password": "password of olena", "new_password1": PASSWORD, "new_password2": PASSWORD}
    page = user_client.post("/accounts/password/", words, follow=True)
    assert page.redirect_chain == [("/accounts/password/done/", 302)]
    assert "Use your new password the next time you sign in." in page.text
    assert is_signed_in(user_client)
    for password, opens in (("password of olena", False), (PASSWORD, True)):
        client.post("/accounts/sign-in/", {"username": "olena", "password": password})
        assert is_signed_in(client) is opens


def test_password_change_ends_the_other_sessions(client, user, user_client):
    client.force_login(user)
    words = {"old_password": "password of olena", "new_password1": PASSWORD, "new_password2": PASSWORD}
    user_client.post("/accounts/password/", words)
    assert not client.get("/").wsgi_request.user.is_authenticated


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"old_password": "wrong"}, "Your old password was entered incorrectly."),
        ({"new_password2": "another"}, "The two password fields didn’t match."),
        ({"new_password1": "olena", "new_password2": "olena"}, "The password is too similar to the username."),
    ],
)
def test_bad_password_change_says_what_is_wrong(user, user_client, changes, message):
    words = {"old_password": "password of olena", "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert message in user_client.post("/accounts/password/", words | changes).text
    user.refresh_from_db()
    assert user.check_password("password of olena")


@pytest.mark.parametrize("page", ["password/", "password/done/"])
def test_password_pages_ask_strangers_to_sign_in(client, page):
    assert client.get(f"/accounts/{page}").url == f"/accounts/sign-in/?next=/accounts/{page}"


def test_inactive_account_cannot_sign_in(client):
    make_user("gone", is_active=False)
    client.post("/accounts/sign-in/", {"username": "gone", "password": "password of gone"})
    assert not is_signed_in(client)


@pytest.mark.parametrize("end", [{"expire_date": timezone.now()}, {"session_key": "another"}])
def test_session_that_has_ended_opens_nothing(user_client, end):
    assert user_client.get("/accounts/delete/").status_code == 200
    Session.objects.update(**end)
    assert user_client.get("/accounts/delete/").url == "/accounts/sign-in/?next=/accounts/delete/"


@pytest.mark.parametrize("close", [lambda user: user.delete(), lambda user: User.objects.update(is_active=False)])
def test_account_that_is_closed_ends_its_sessions(user, user_client, close):
    assert user_client.get("/accounts/delete/").status_code == 200
    close(user)
    assert user_client.get("/accounts/delete/").url == "/accounts/sign-in/?next=/accounts/delete/"


def test_stored_session_key_cannot_be_used_to_sign_in(client, user_client):
    assert user_client.get("/accounts/delete/").status_code == 200
    stored = Session.objects.get()
    assert user_client.session.session_key not in (stored.session_key, stored.session_data)
    client.cookies["sessionid"] = stored.session_key
    assert client.get("/accounts/delete/").status_code == 302


def test_session_is_one_row_until_it_is_signed_out(client, user):
    words = {"username": "olena", "password": "password of olena"}
    for _ in range(2):
        client.post("/accounts/sign-in/", words)
        assert Session.objects.count() == 1
        client.post("/accounts/sign-out/")
        assert not Session.objects.exists()


def test_asynchronous_sessions_are_the_same():
    @async_to_sync
    async def store_and_delete() -> None:
        store = SessionStore()
        store["fruit"] = "pear"
        await store.asave()
        key = store.session_key
        assert await SessionStore(key).aget("fruit") == "pear"
        assert await store.aexists(key)
        assert await Session.objects.values_list("session_key", flat=True).aget() == stored_key(key) != key
        await store.adelete(key)
        assert await SessionStore(key).aget("fruit") is None

    store_and_delete()
