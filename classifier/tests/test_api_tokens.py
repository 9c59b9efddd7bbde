"""A person's tokens: made, listed and revoked on a page and by a command; each shown once."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from classifier.models import ApiToken
from classifier.tests.api import make_token, program
from classifier.tests.factories import make_user
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db

PAGE = "/accounts/tokens/"


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("tokens", *arguments, stdout=out)
    return out.getvalue().strip()


def names_on(page) -> list[str]:
    return [one["data-token-name"] for one in elements(page, "data-token-name")]


def works(secret: str, client) -> bool:
    return client.get("/api/v1/me/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_page_makes_a_token_and_shows_it_once(user_client, client):
    page = user_client.post(PAGE, {"name": "the kitchen", "scope": "write", "days": "30"})
    token = ApiToken.objects.get()
    secret = page.text.partition("data-token>")[2].partition("<")[0]
    assert works(secret, client)
    assert (token.name, token.scope) == ("the kitchen", "write")
    assert token.expiry - token.created == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))
    assert names_on(page) == ["the kitchen"]
    again = user_client.get(PAGE)
    assert names_on(again) == ["the kitchen"]
    assert secret not in again.text
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": " "}, {"name": "a\u2028b"}, {"name": "x" * 64}, {"scope": "all"}, {"days": "36500"}],
)
def test_token_that_makes_no_sense_is_not_made(user_client, wrong):
    page = user_client.post(PAGE, {"name": "a", "scope": "read", "days": "30", **wrong})
    assert page.status_code == 400
    assert not ApiToken.objects.exists()


def test_revoked_token_does_not_hold(user, user_client, client):
    secret = make_token(user)
    token = ApiToken.objects.get()
    page = user_client.post(f"{PAGE}{token.public_id}/revoke/", follow=True)
    assert "was revoked" in page.text
    assert names_on(page) == []
    assert not works(secret, client)


def test_tokens_are_each_persons_own(user_client, client):
    secret = make_token(make_user("taras"), name="of taras")
    assert names_on(user_client.get(PAGE)) == []
    assert user_client.post(f"{PAGE}{ApiToken.objects.get().public_id}/revoke/").status_code == 404
    assert works(secret, client)


def test_page_asks_to_sign_in_and_is_linked_from_the_account(client, user_client):
    assert client.get(PAGE)["Location"].startswith("/accounts/sign-in/")
    assert PAGE in {link["href"] for link in elements(user_client.get("/accounts/password/"), "href")}


def test_expired_tokens_are_not_listed_and_go_with_the_next(user, user_client):
    make_token(user, name="old")
    ApiToken.objects.update(expiry=timezone.now() - timedelta(days=1))
    assert names_on(user_client.get(PAGE)) == []
    make_token(user, name="new")
    assert [token.name for token in ApiToken.objects.all()] == ["new"]


def test_account_takes_its_tokens_with_it(user):
    make_token(user)
    user.delete()
    assert not ApiToken.objects.exists()


def test_command_makes_lists_and_revokes_tokens(user, client):
    secret = command("create", "olena", "the kitchen", "--scope", "write", "--days", "365")
    assert works(secret, client)
    make_token(make_user("taras"), name="another")
    assert len(command("list").splitlines()) == 2
    (line,) = command("list", "olena").splitlines()
    assert "write" in line
    assert line.endswith("olena: the kitchen")
    assert secret not in line
    assert command("revoke", line.split()[0]) == "The token the kitchen of olena was revoked."
    assert not works(secret, client)
    assert command("list", "olena") == ""


def test_tokens_of_the_command_are_read_only_by_default(user):
    command("create", "olena", "a")
    assert not ApiToken.objects.get().may_write


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "nobody", "a"], "There is no account 'nobody'"),
        (["create", "olena", ""], "1 to 63"),
        (["create", "olena", "x" * 64], "1 to 63"),
        (["create", "olena", "   "], "1 to 63"),
        (["create", "olena", "a\nb"], "printable characters"),
        (["list", "nobody"], "There is no account"),
        (["revoke", "x"], "is not a token ID"),
        (["revoke", "0e3c2a6e-5f0c-4d0e-8f52-6f1c1b7f2a10"], "There is no token 0e3c2a6e"),
    ],
)
def test_command_says_what_is_wrong(user, arguments, message):
    with pytest.raises(CommandError, match=message):
        command(*arguments)


def test_token_is_distinguished_from_a_session(user, user_client):
    assert user_client.get("/api/v1/me/").json()["token"] is None
    assert program(user).get("/api/v1/me/").json()["token"]["name"] == "a program"
