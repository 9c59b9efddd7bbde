"""Asking the API as a program does."""

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from classifier.services.people.tokens import create_token

PREDICTIONS = "/api/v1/predictions/"
BATCH = f"{PREDICTIONS}batch/"
PROBLEM = "application/problem+json"


def make_token(user: User, *, scope: str = "write", name: str = "a program", days: int = 90) -> str:
    _row, secret = create_token(user=user, name=name, scope=scope, days=days)
    return secret


def program(user: User, **options) -> Client:
    """A client with a token of this person's."""
    return Client(headers={"Authorization": f"Bearer {make_token(user, **options)}"})


def problem_of(response: HttpResponse, status: int) -> dict:
    """The problem that the answer tells of, which is one in full."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == "about:blank" or problem["type"].startswith("http://testserver/api/problems/#")
    return problem
