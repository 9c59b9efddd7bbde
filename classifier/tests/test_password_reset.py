"""People who have forgotten their passwords choose new ones with links: by e-mail, or from an administrator."""

import re
import threading
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from classifier.services.people.password_reset import reset_path
from classifier.tests.factories import make_superuser, make_user
from classifier.tests.test_admin import staff_with

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
NEW = {"new_password1": PASSWORD, "new_password2": PASSWORD}


@pytest.fixture(autouse=True)
def email(settings):
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "mail.example.org", "site@example.org"


@pytest.fixture
def olena(user) -> User:
    user.email = "olena@example.org"
    user.save()
    return user


def ask(client: Client, address: str, **headers: str):
    response = client.post("/accounts/reset/", {"email": address}, **headers)
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join()
    return response


def sent_path() -> str:
    (message,) = mail.outbox
    return re.search(r"http://testserver(/accounts/reset/\S+/)", message.body)[1]


def choose(client: Client, path: str, words: dict[str, str] = NEW):
    page = client.get(path)
    return client.post(page.url, words) if page.status_code == 302 else page


def signs_in(password: str = PASSWORD, name: str = "olena") -> bool:
    return Client().post("/accounts/sign-in/", {"username": name, "password": password}).status_code == 302


def test_link_by_e_mail_sets_a_new_password_once(client, olena):
    assert "Check your e-mail" in client.get(ask(client, "Olena@Example.org").url).text
    assert (mail.outbox[0].to, mail.outbox[0].from_email) == (["olena@example.org"], "site@example.org")
    assert "olena" in mail.outbox[0].body
    assert mail.outbox[0].subject == "A new password for Photo classifier"
    path = sent_path()
    assert choose(client, path).url == "/accounts/reset/done/"
    assert signs_in()
    again = choose(Client(), path, {"new_password1": "another horse", "new_password2": "another horse"})
    assert again.status_code == 404
    assert "This link does not work" in again.text
    assert signs_in()


def test_e_mail_is_in_the_language_of_who_asks(client, olena):
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    ask(client, "olena@example.org")
    assert "Новий пароль" in mail.outbox[0].subject
    assert not re.search(r"[a-z]{3,} [a-z]{3,}", mail.outbox[0].body)


def test_nobody_learns_who_has_an_account(client, olena):
    make_user("taras", email="taras@example.org", is_active=False)
    answers = [ask(client, f"{name}@example.org") for name in ("olena", "taras", "nobody")]
    assert {(answer.status_code, answer.url, answer.content) for answer in answers} == {
        (302, "/accounts/reset/sent/", b"")
    }
    assert len(mail.outbox) == 1
    assert not Session.objects.exists()


def test_failure_to_send_tells_nobody_anything(client, olena, settings, caplog):
    # A port on which nobody listens.
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert ask(client, "olena@example.org").url == "/accounts/reset/sent/"
    assert "Failed to send password reset email" in caplog.text


def test_link_expires(client, olena, monkeypatch, settings):
    path = reset_path(olena)
    now = default_token_generator._now()
    monkeypatch.setattr(default_token_generator, "_now", lambda: now + timedelta(hours=23))
    assert client.get(path).status_code == 302
    monkeypatch.setattr(default_token_generator, "_now", lambda: now + timedelta(hours=25))
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/accounts/reset/a/b/", "/accounts/reset/MQ/set-password/", "/accounts/reset/%00/x/"])
def test_link_that_was_never_made_does_not_work(client, olena, path):
    assert client.get(path).status_code == 404
    assert client.post(path, NEW).status_code == 404
    assert signs_in("password of olena")


def test_bad_new_password_says_what_is_wrong(client, olena):
    page = choose(client, reset_path(olena), {"new_password1": "12345678", "new_password2": "12345678"})
    assert "This password is too common." in page.text
    assert signs_in("password of olena")


def test_new_password_ends_sessions_and_the_lock_out_at_this_address(client, olena, user_client, settings):
    settings.AXES_FAILURE_LIMIT = 2
    for _ in range(2):
        signs_in("wrong")
    assert not signs_in("password of olena")
    choose(client, reset_path(olena))
    assert signs_in()
    assert not user_client.get("/").wsgi_request.user.is_authenticated


def test_one_address_asks_only_so_often_and_one_mailbox_gets_only_so_much(client, olena, limit):
    limit(reset_address="4/hour", reset_mail_address="2/hour")
    answers = [ask(client, address).status_code for address in ["olena@example.org", "OLENA@example.org"] * 3]
    assert answers == [302] * 4 + [429] * 2
    assert len(mail.outbox) == 2


def test_one_mailbox_of_many_accounts_gets_few_e_mails(client):
    for number in range(10):
        make_user(f"olena{number}", email="olena@example.org")
    ask(client, "olena@example.org")
    assert len(mail.outbox) == 3


def test_site_without_e_mail_leads_to_an_administrator(client, olena, settings):
    settings.EMAIL_HOST = ""
    assert "/accounts/reset/" in client.get("/accounts/sign-in/").text
    page = client.get("/accounts/reset/").text
    assert "Ask an administrator of this site for a link." in page
    assert 'type="email"' not in page
    assert ask(client, "olena@example.org").status_code == 200
    assert mail.outbox == []


def links_of(page) -> dict[str, str]:
    return dict(re.findall(r'<th scope="row">(\w+)</th><td><code>http://testserver(\S+?)</code>', page.text))


def test_administrator_creates_links_that_work_once(client, olena, settings):
    settings.EMAIL_HOST = ""
    admin, taras = Client(), make_user("taras")
    admin.force_login(make_superuser("root"))
    selected = {"action": "create_reset_links", "_selected_action": [olena.pk, taras.pk]}
    page = admin.post("/admin/auth/user/", selected)
    assert "no-store" in page["Cache-Control"]
    links = links_of(page)
    assert set(links) == {"olena", "taras"}
    assert choose(client, links["olena"]).url == "/accounts/reset/done/"
    assert signs_in()
    assert signs_in("password of taras", "taras")
    assert choose(Client(), links["olena"]).status_code == 404
    assert LogEntry.objects.filter(object_id=olena.pk, change_message__contains="link").exists()


def test_staff_creates_links_only_for_accounts_that_it_may_change(olena):
    root = make_superuser("root")
    selected = {"action": "create_reset_links", "_selected_action": [olena.pk, root.pk]}
    page = staff_with("view_user", "change_user").post("/admin/auth/user/", selected)
    assert set(links_of(page)) == {"olena"}
    assert "1 account was skipped" in page.text
    assert links_of(staff_with("view_user", name="reader").post("/admin/auth/user/", selected, follow=True)) == {}


def test_account_gets_an_e_mail_address_at_sign_up_and_later(client, settings):
    words = {"username": "taras", "password1": PASSWORD, "password2": PASSWORD, "email": "taras@example.org"}
    assert client.post("/accounts/sign-up/", words).status_code == 302
    assert User.objects.get().email == "taras@example.org"
    assert 'value="Save"' in client.get("/accounts/email/").text
    wrong = client.post("/accounts/email/", {"email": "new@example.org", "password": "wrong"})
    assert (wrong.status_code, User.objects.get().email) == (400, "taras@example.org")
    for address in ("new@example.org", ""):
        path = reset_path(User.objects.get())
        assert client.post("/accounts/email/", {"email": address, "password": PASSWORD}).status_code == 302
        assert User.objects.get().email == address
        assert Client().get(path).status_code == 404
    settings.EMAIL_HOST = ""
    assert client.get("/accounts/email/").status_code == 404
    assert "email" not in Client().get("/accounts/sign-up/").text


@pytest.mark.parametrize("address", ["x" * 250 + "@example.org", "two words", "a@b@c"])
def test_bad_e_mail_address_is_refused(client, address):
    words = {"username": "taras", "password1": PASSWORD, "password2": PASSWORD, "email": address}
    assert client.post("/accounts/sign-up/", words).status_code == 400
    assert "invalid-feedback" in client.post("/accounts/reset/", {"email": address}).text
    assert not User.objects.exists()
