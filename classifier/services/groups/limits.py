"""Limits for wrong PINs: by pupil and by group, in the database and thus for all processes; never by address.

As with passwords (people/lockout.py), too many wrong PINs in a group leave each pupil one: the others sign in although
somebody guesses.
"""

import math
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from classifier.models import PinFailures, Pupil, PupilGroup

#: The largest clock difference between two machines of a site.
_CLOCKS_DIFFER = timedelta(minutes=1)


@transaction.atomic
def take_attempt(*, group: PupilGroup, folded_nickname: str) -> bool:
    """Count an attempt as a failure before the PIN is checked, or return False: concurrent guesses count, too."""
    PupilGroup.objects.select_for_update().filter(pk=group.pk).first()
    if seconds_locked(group=group, folded_nickname=folded_nickname):
        return False
    now = timezone.now()
    row, _created = group.pin_failures.get_or_create(folded_nickname=folded_nickname, defaults={"since": now})
    PinFailures.objects.filter(pk=row.pk).update(failures=F("failures") + 1)
    return True


def seconds_locked(*, group: PupilGroup, folded_nickname: str) -> int:
    """Seconds until a PIN of this nickname is checked again; 0 if one is checked now. Deletes what has expired."""
    now = timezone.now()
    recent = {"since__gt": now - settings.AXES_COOLOFF_TIME, "since__lte": now + _CLOCKS_DIFFER}
    group.pin_failures.exclude(**recent).delete()
    own = group.pin_failures.filter(folded_nickname=folded_nickname).first()
    if own is None:
        return 0
    total = group.pin_failures.aggregate(total=Sum("failures"))["total"] or 0
    if own.failures < settings.AXES_FAILURE_LIMIT and total < settings.LOCKOUT_GROUP_FAILURES:
        return 0
    return max(1, math.ceil((own.since + settings.AXES_COOLOFF_TIME - now).total_seconds()))


def forget_failures(*, pupil: Pupil) -> None:
    """Forget the wrong PINs of a pupil who has signed in, or has got a new PIN. Those of others stay."""
    PinFailures.objects.filter(group=pupil.group_id, folded_nickname=pupil.folded_nickname).delete()
