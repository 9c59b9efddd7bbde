"""Lock-out after failed sign-ins, whether the account exists or not.

django-axes counts the failures in the database, so that all processes and machines count together.
"""

import datetime
import math

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

#: The largest clock difference between two machines of a site.
_CLOCKS_DIFFER = datetime.timedelta(minutes=1)


class LockoutHandler(AxesDatabaseHandler):
    """Count failures per name and address, and per address for all names.

    Too many of a name lock that name there. Too many of an address leave each name there one failure: a school class
    behind one address signs in although one pupil guesses, and a guesser has one guess a name.
    settings.AXES_LOCKOUT_PARAMETERS names the two in this order.
    """

    def get_user_attempts(self, request: HttpRequest, credentials: dict | None = None) -> list[QuerySet]:
        """The attempts that count: recent ones, and none from the future after the clock was set back."""
        latest = timezone.now() + _CLOCKS_DIFFER
        return [
            attempts.filter(attempt_time__lte=latest) for attempts in super().get_user_attempts(request, credentials)
        ]

    def is_allowed(self, request: HttpRequest, credentials: dict | None = None) -> bool:
        return _is_of_pupil(credentials) or super().is_allowed(request, credentials)

    def user_login_failed(
        self, sender: str, credentials: dict, request: HttpRequest | None = None, **kwargs: object
    ) -> None:
        if not _is_of_pupil(credentials):
            super().user_login_failed(sender, credentials, request, **kwargs)

    def clean_expired_user_attempts(self, request: HttpRequest | None = None, credentials: dict | None = None) -> int:
        future, _rows = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() + _CLOCKS_DIFFER).delete()
        return future + super().clean_expired_user_attempts(request, credentials)

    def get_failures(self, request: HttpRequest, credentials: dict | None = None) -> int:
        """The failures that count; settings.AXES_FAILURE_LIMIT of them are too many."""
        of_name, of_address = (_sum(attempts) for attempts in self.get_user_attempts(request, credentials))
        if of_name and of_address >= settings.LOCKOUT_ADDRESS_FAILURES:
            return max(of_name, settings.AXES_FAILURE_LIMIT)
        return of_name

    def reset_user_attempts(self, request: HttpRequest, credentials: dict | None = None) -> int:
        """Forget the failures of a user who has signed in from this address.

        Others stay: else an account of one's own would give as many guesses at other people's as one likes.
        """
        of_name, _of_address = self.filter_user_attempts(request, credentials)
        return of_name.delete()[0]

    def seconds_left(self, request: HttpRequest, credentials: dict | None = None) -> int:
        """Seconds until enough failures have expired, at least 1."""
        of_name, of_address = self.get_user_attempts(request, credentials)
        now = timezone.now()
        name_end = _end(of_name, settings.AXES_FAILURE_LIMIT) or now
        # Until the address is below its limit, or no failure of this name is left.
        room = min(_end(of_address, settings.LOCKOUT_ADDRESS_FAILURES) or now, _end(of_name, 1) or now)
        return max(1, math.ceil((max(name_end, room) - now).total_seconds()))


def seconds_locked_out(request: HttpRequest, credentials: dict | None = None) -> int:
    """Seconds until this name can sign in from this address again, at least 1."""
    return AxesProxyHandler.get_implementation().seconds_left(request, credentials)


def is_password_of(*, user: User, password: str, request: HttpRequest) -> bool:
    """Whether this is the signed-in user's password; failures count as they do at sign-in.

    During a lock-out no password is right, and the middleware of django-axes replaces the response.
    """
    found = authenticate(request, username=user.get_username(), password=password)
    if found is None or found.pk != user.pk:
        return False
    forget_failures(user=user, request=request)
    return True


def forget_failures(*, user: User, request: HttpRequest) -> None:
    """Forget the failures with this name from this address: the person has shown who they are."""
    AxesProxyHandler.update_request(request)
    AxesProxyHandler.get_implementation().reset_user_attempts(request, {"username": user.get_username()})


def _is_of_pupil(credentials: dict | None) -> bool:
    """Wrong PINs count by pupil and group, see groups/limits.py: a school has one address."""
    return credentials is not None and "pin" in credentials


def _sum(attempts: QuerySet) -> int:
    return attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0


def _end(attempts: QuerySet, limit: int) -> datetime.datetime | None:
    """When fewer failures than the limit are left; None if they are fewer already."""
    rows = [*attempts.order_by("attempt_time").values_list("attempt_time", "failures_since_start")]
    left, end = sum(failures for _time, failures in rows), None
    for attempt_time, failures in rows:
        if left < limit:
            break
        left, end = left - failures, attempt_time + get_cool_off()
    return end
