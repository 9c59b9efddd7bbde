"""Template context of every page."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str | int]:
    """sign_up: who may make an account. anonymous_days: for how many days an upload without one is stored."""
    return {"sign_up": settings.SIGN_UP, "anonymous_days": settings.ANONYMOUS_DAYS}
