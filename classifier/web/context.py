"""Template context of every page."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str | int]:
    """sign_up: the sign-up policy. anonymous_days: how many days an upload without an account is kept.

    version: of the program.
    """
    return {
        "sign_up": settings.SIGN_UP,
        "anonymous_days": settings.ANONYMOUS_DAYS,
        "version": settings.VERSION,
    }
