"""What a scanner looks for on any site; docs/security.md has the whole list with what came of it."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

ELSEWHERE = [
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "http:///evil.example",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_led_to_another_site(client, user, address):
    sent = {"username": "olena", "password": "password of olena", "next": address}
    assert client.post("/accounts/sign-in/", sent)["Location"] == "/"
    assert client.post("/i18n/setlang/", {"language": "uk", "next": address})["Location"] == "/"


def test_session_is_a_new_one_after_signing_in(client, user):
    client.cookies["sessionid"] = "a" * 32
    sent = {"username": "olena", "password": "password of olena"}
    client.post("/accounts/sign-in/", sent)
    first = client.session.session_key
    client.post("/accounts/sign-out/")
    client.post("/accounts/sign-in/", sent)
    assert len({"a" * 32, first, client.session.session_key}) == 3


def test_forms_want_their_token(user):
    client = Client(enforce_csrf_checks=True)
    for address in ("/", "/accounts/sign-in/", "/accounts/sign-up/", "/i18n/setlang/", "/history/delete/"):
        assert client.post(address).status_code == 403, address


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
@pytest.mark.parametrize("address", ["/", "/history/", "/accounts/sign-in/", "/api/v1/me/"])
def test_methods_that_only_tell_of_the_server_are_refused(client, method, address):
    response = client.generic(method, address, headers={"X-Secret": "not to be sent back"})
    assert "not to be sent back" not in response.text
    assert response.status_code in (401, 405) or (method == "OPTIONS" and not response.content)


def test_forged_host_is_ignored(client, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    problem = client.post("/api/v1/predictions/", headers={"X-Forwarded-Host": "evil.example"}).text
    assert "evil.example" not in problem


@pytest.mark.parametrize("name", ["olena", "nobody"])
def test_wrong_password_and_wrong_name_get_the_same_response(client, user, name):
    response = client.post("/accounts/sign-in/", {"username": name, "password": "wrong"})
    assert response.status_code == 200
    assert "Please enter a correct username and password" in response.text
