"""What every page may say of the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """sign_up: who may make an account."""
    return {"sign_up": settings.SIGN_UP}
