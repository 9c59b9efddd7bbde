"""Authentication: a token in the header `Authorization: Bearer ...`, or the session of the site's pages.

The settings name these classes, so nothing here may import rest_framework.views.
"""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from classifier.models import ApiToken


class ReadOnlyToken(PermissionDenied):
    default_detail = gettext_lazy("This token is read-only. Create one with read and write access.")
    default_code = "read-only-token"


class BearerAuthentication(TokenAuthentication):
    """`request.auth` is the ApiToken."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        # Tokens are ASCII; decoding anything else might fail.
        if not token.isascii():
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)


class PagesSession(SessionAuthentication):
    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            text = _(
                "The CSRF token is missing or incorrect, or the request came from another site. Send the "
                "session’s token in the header X-CSRFToken."
            )
            raise PermissionDenied(text, "csrf") from error


class TokenMayWrite(BasePermission):
    """A token to read with changes nothing."""

    def has_permission(self, request: Request, view: object) -> bool:
        if request.method in SAFE_METHODS or not isinstance(request.auth, ApiToken) or request.auth.may_write:
            return True
        # A method that there is not is nobody's, whatever the token may do.
        if hasattr(view, (request.method or "").lower()):
            raise ReadOnlyToken
        return True
