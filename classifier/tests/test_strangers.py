"""What is one person's is nobody else's: at every address that the site has, also at those that it will have."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
from django.db import transaction
from django.test import Client

from classifier.models import ApiToken, Prediction
from classifier.services.people import throttling
from classifier.tests.factories import image_bytes, image_file, make_user
from classifier.tests.routes import EVERYBODYS, ONE_PERSONS, Route, routes, that_never_was, undeclared
from classifier.tests.strangers import (
    FILE_NAME,
    KNOWN,
    OF_A_USER,
    PAIRS,
    STRANGERS,
    another_user,
    form_tokens,
    owner_with_account,
    without_numbers,
)

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
#: What a browser or a program sends that has a copy already, or wants a part.
OF_A_COPY = {"If-None-Match": "*", "If-Modified-Since": "Fri, 01 Jan 2040 00:00:00 GMT", "Range": "bytes=0-9"}
#: Where anybody who may enter the administration at all is let in: there is nothing of anyone on it.
OPEN_IN_ADMIN = {
    "admin:index",
    "admin:login",
    "admin:logout",
    "admin:jsi18n",
    "admin:password_change",
    "admin:password_change_done",
}
OF_ONE_PERSON = [route for route in routes() if route.name in ONE_PERSONS]


def name_of(function: Callable) -> str:
    return function.__name__.replace("_", "-")


people = pytest.mark.parametrize(("make_owner", "make_stranger"), PAIRS, ids=name_of)


def ask(client: Client, method: str, address: str, **headers: str):
    content, content_type = '{"label": "dog"}', "application/json"
    if method == "POST" and not address.startswith("/api/"):
        content, content_type = "label=dog", "application/x-www-form-urlencoded"
    return client.generic(method, address, content, content_type, headers=headers)


def content_of(response) -> str:
    """All that an answer tells: its headers, its body, and what is packed in that."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if response.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if response.get("Content-Type") == "application/zip":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body += b"".join(archive.read(name) for name in archive.namelist())
    return f"{response.headers} {response.cookies} " + body.decode("utf-8", "replace")


def test_every_address_that_takes_something_is_said_to_be_one_persons_or_everybodys():
    assert undeclared() == [], "say in classifier/tests/routes.py whose it is"
    assert set(ONE_PERSONS) | set(EVERYBODYS) <= {route.name for route in routes()}


@pytest.mark.parametrize("route", OF_ONE_PERSON, ids=str)
def test_owner_is_answered(route):
    owner = owner_with_account()
    answers = [ask(owner.client, method, route.address(owner.facts)).status_code for method in METHODS]
    assert min(set(answers) - {405}) < 400
    assert max(answers) < 500


@people
def test_nobody_else_gets_or_changes_anything(make_owner, make_stranger, stored_files):
    owner = make_owner()
    stranger = make_stranger(owner)
    facts, before, wrong = owner.facts, stored_files(), []
    for route in OF_ONE_PERSON:
        address = route.address(facts)
        expected = 404 if not route.is_of_api or make_stranger in KNOWN else 401
        for method in METHODS:
            status = ask(stranger, method, address).status_code
            # Which methods there are is no secret: pages say it first of all.
            if status != expected and not (status == 405 and has_not(method, route)):
                wrong.append(f"{method} {route}: {status}")
        if ask(stranger, "GET", address, **OF_A_COPY).status_code not in (expected, 405):
            wrong.append(f"{route} for somebody with a copy")
    assert wrong == []
    owner.prediction.refresh_from_db()
    assert owner.prediction.corrected_class == ""
    assert owner.classifier.examples.get().learnt_class.name == "bolts"
    assert stored_files() == before
    if make_stranger.__name__ not in ("token_that_was_revoked", "token_that_has_expired"):
        assert not owner.token or ApiToken.objects.filter(pk=owner.token.pk).exists()


@people
def test_nobody_learns_whether_there_is_such_a_thing(make_owner, make_stranger):
    owner = make_owner()
    stranger = make_stranger(owner)
    facts = owner.facts
    for route in [*OF_ONE_PERSON, *(route for route in routes() if "classifier_" in route.name)]:
        for method in ("GET", "OPTIONS", "POST", "DELETE"):
            known = ask(stranger, method, route.address(facts))
            unknown = ask(stranger, method, route.address(that_never_was(facts)))
            assert known.status_code == unknown.status_code, f"{method} {route}"
            assert without_numbers(content_of(known)) == without_numbers(content_of(unknown)), f"{method} {route}"


@pytest.mark.parametrize("make_owner", STRANGERS, ids=name_of)
def test_nothing_of_one_person_shows_to_another_anywhere(make_owner):
    owner = make_owner()
    facts, secrets = owner.facts, owner.secrets
    for route in routes():
        # What the site keeps of a page for the next one is the owner's now.
        if not route.is_of_admin:
            secrets |= form_tokens(content_of(owner.client.get(route.address(facts))))
    shown = []
    for make_stranger in STRANGERS[make_owner]:
        with undone():
            stranger = make_stranger(replace(owner, client=owner.copy_of_session()))
            for route in routes():
                address = route.address(facts)
                text = content_of(stranger.get(address))
                found = [secret for secret in secrets if secret in text and secret not in address]
                shown += [f"{route} to {name_of(make_stranger)}: {secret}" for secret in found]
    assert shown == []


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what is done in the block, which also begins with no request counted."""
    throttling.forget()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("make_stranger", OF_A_USER, ids=name_of)
def test_administration_is_closed(make_stranger):
    owner = owner_with_account()
    stranger = make_stranger(owner)
    for route in routes():
        if route.is_of_admin and route.name not in OPEN_IN_ADMIN:
            for method in set(METHODS) - {"OPTIONS"}:
                status = ask(stranger, method, route.address(owner.facts)).status_code
                assert status in (301, 302, 403, 404, 405), f"{method} {route}"


@people
def test_lists_searches_and_selections_have_nothing_of_it(make_owner, make_stranger):
    owner = make_owner()
    stranger = make_stranger(owner)
    number = owner.prediction.pk
    place = f"{owner.prediction.created_at.isoformat()}_{number}"
    for query in ("name=a-secret", f"answer={owner.prediction.answer}", "order=surest", "state=unchecked", "size=100"):
        for address in ("/history/", "/history/predictions.csv", "/history/predictions.zip", "/api/v1/predictions/"):
            text = content_of(stranger.get(f"{address}?{query}"))
            assert (str(number) in text, FILE_NAME in text) == (False, False), f"{address}?{query}"
    assert str(number) not in content_of(stranger.get("/api/v1/predictions/", {"before": place}))
    for action in ("download", "ask", "delete"):
        text = content_of(stranger.post("/history/selected/", {"predictions": [number], "action": action}))
        assert (str(number) in text, FILE_NAME in text) == (False, False), action
    stranger.post("/history/delete/")
    stranger.post("/accounts/delete/", {"password": "password of another"})
    assert Prediction.objects.filter(pk=number).exists()


def test_same_picture_sent_under_the_same_number_by_two_is_two():
    owner = owner_with_account()
    stranger = another_user(owner)
    sent = {"submission": "0e3c2a6e-5f0c-4d0e-8f52-6f1c1b7f2a10"}
    for client in (owner.client, stranger):
        assert client.post("/", sent | {"image": image_file(content=image_bytes(seed=5))}).status_code == 302
    made = Prediction.objects.filter(upload__original_name="photo.jpg")
    assert made.filter(owner=owner.user).count() == 1
    assert made.exclude(owner=owner.user).filter(upload__sha256=made.first().upload.sha256).count() == 1


def test_second_person_at_the_same_browser_is_not_given_the_first_ones_copy():
    owner = owner_with_account()
    for route in OF_ONE_PERSON:
        response = owner.client.get(route.address(owner.facts))
        if "max-age=86400" in response.get("Cache-Control", ""):
            assert {"Cookie", "Authorization"} <= set(response["Vary"].split(", ")), str(route)
            assert "private" in response["Cache-Control"]


@cache
def has_not(method: str, route: Route) -> bool:
    """Whether the URL does not support the method for anybody."""
    anybody = Client()
    anybody.force_login(make_user(f"anybody-{method}-{route}"[:150]))
    return ask(anybody, method, route.address(that_never_was({"number": 1, "class": 0}))).status_code == 405
