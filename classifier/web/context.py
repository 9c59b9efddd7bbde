"""Template context of every page."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from classifier.web.pupils import pupil_of


def site(request: HttpRequest) -> dict[str, object]:
    """sign_up: the sign-up policy. anonymous_days: how many days an upload without an account is kept.

    version: of the program. pupil: the one who is signed in, or nothing.
    """
    return {
        "sign_up": settings.SIGN_UP,
        "anonymous_days": settings.ANONYMOUS_DAYS,
        "version": settings.VERSION,
        "pupil": SimpleLazyObject(lambda: pupil_of(request)),
    }
