"""The pupils of a group: join, be added, get new PINs and links."""

import secrets
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from classifier.models import Pupil, PupilGroup
from classifier.services.groups.limits import forget_failures
from classifier.services.groups.names import fold_nickname, new_pin, valid_nickname
from classifier.services.groups.sign_in import digest_of

#: A hash takes a third of a second of one core, and a class has thirty PINs.
_HASHERS = 4


class JoiningClosed(Exception):
    """The group is not open to new pupils."""


class NicknameTaken(Exception):
    """Another pupil of the group has this nickname, or one that differs only in what people mistype.

    nicknames: those that are taken.
    """

    def __init__(self, *nicknames: str) -> None:
        super().__init__(", ".join(nicknames))
        self.nicknames = nicknames


class GroupFull(Exception):
    """The group would have more than settings.GROUP_MOST_PUPILS pupils."""


@dataclass(frozen=True)
class Card:
    """What a pupil needs to sign in. It is not stored: it can be shown only now. token: that of the link."""

    pupil: Pupil
    pin: str
    token: str


def join(*, group: PupilGroup, nickname: str) -> Card:
    """Make a pupil who joins with the group's code. Raises BadNickname, JoiningClosed, NicknameTaken, GroupFull."""
    (card,) = _create(group, [valid_nickname(nickname)], by_code=True)
    return card


def add_pupils(*, group: PupilGroup, nicknames: Iterable[str]) -> list[Card]:
    """Make all these pupils or none. Raises BadNickname, NicknameTaken, GroupFull."""
    return _create(group, [valid_nickname(nickname) for nickname in nicknames], by_code=False)


def issue_cards(*, pupils: QuerySet[Pupil]) -> list[Card]:
    """Give these pupils new PINs and links; the ones before stop working, and their sessions end."""
    found = list(pupils.select_related("user", "group"))
    pins, tokens = [new_pin() for _pupil in found], [_token() for _pupil in found]
    for pupil, token, hashed in zip(found, tokens, _hash_all(pins)):
        _renew(pupil, hashed, token)
    return [Card(*facts) for facts in zip(found, pins, tokens)]


@transaction.atomic
def _renew(pupil: Pupil, hashed: str, token: str) -> None:
    pupil.pin, pupil.link_digest = hashed, digest_of(token)
    pupil.save(update_fields=["pin", "link_digest"])
    # Sessions are bound to what stands here, though it is no password.
    pupil.user.set_unusable_password()
    pupil.user.save(update_fields=["password"])
    forget_failures(pupil=pupil)


def rename_pupil(*, pupil: Pupil, nickname: str) -> None:
    """Raises BadNickname, NicknameTaken."""
    nickname = valid_nickname(nickname)
    with transaction.atomic():
        _lock(pupil.group)
        if taken := _taken(pupil.group.pupils.exclude(pk=pupil.pk), [nickname]):
            raise NicknameTaken(*taken)
        pupil.nickname, pupil.folded_nickname = nickname, fold_nickname(nickname)
        pupil.save(update_fields=["nickname", "folded_nickname"])
        User.objects.filter(pk=pupil.user_id).update(first_name=nickname)


def _create(group: PupilGroup, nicknames: Sequence[str], *, by_code: bool) -> list[Card]:
    # Before the slow hashes, and again under the lock.
    _check(group, nicknames, by_code=by_code)
    pins = [new_pin() for _nickname in nicknames]
    hashed = _hash_all(pins)
    tokens = [_token() for _nickname in nicknames]
    with transaction.atomic():
        _check(_lock(group), nicknames, by_code=by_code)
        pupils = [_pupil(group, *facts) for facts in zip(nicknames, hashed, tokens)]
    return [Card(*facts) for facts in zip(pupils, pins, tokens)]


def _check(group: PupilGroup, nicknames: Sequence[str], *, by_code: bool) -> None:
    if by_code and not group.is_open:
        raise JoiningClosed
    if group.pupils.count() + len(nicknames) > settings.GROUP_MOST_PUPILS:
        raise GroupFull
    if taken := _taken(group.pupils.all(), nicknames):
        raise NicknameTaken(*taken)


def _taken(pupils: QuerySet[Pupil], nicknames: Sequence[str]) -> list[str]:
    """Those of the nicknames that a pupil has, or that come twice."""
    seen, taken = set(pupils.values_list("folded_nickname", flat=True)), []
    for nickname in nicknames:
        name = fold_nickname(nickname)
        if name in seen:
            taken.append(nickname)
        seen.add(name)
    return taken


def _lock(group: PupilGroup) -> PupilGroup:
    return PupilGroup.objects.select_for_update().get(pk=group.pk)


def _pupil(group: PupilGroup, nickname: str, hashed: str, token: str) -> Pupil:
    number = uuid.uuid4()
    user = User(username=f"pupil-{number.hex}", first_name=nickname)
    user.set_unusable_password()
    user.save()
    return Pupil.objects.create(
        id=number,
        user=user,
        group=group,
        nickname=nickname,
        folded_nickname=fold_nickname(nickname),
        pin=hashed,
        link_digest=digest_of(token),
    )


def _token() -> str:
    return secrets.token_urlsafe(24)


def _hash_all(pins: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor(_HASHERS) as pool:
        return list(pool.map(make_password, pins))
