"""Groups of pupils: codes, nicknames, PINs, links, limits and sessions."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import ProtectedError
from django.test import Client, RequestFactory
from django.utils import timezone

from classifier.models import PinFailures, Pupil, PupilGroup, Upload
from classifier.services.groups import names, pupils, teaching
from classifier.services.groups.limits import seconds_locked
from classifier.services.groups.sign_in import pupil_of_link
from classifier.services.history.deletion import delete_account
from classifier.tests.factories import make_prediction, make_user
from classifier.tests.groups import client_of, make_card, make_group, make_pupil, make_teacher
from classifier.tests.test_races import at_once

pytestmark = pytest.mark.django_db

WRONG = "000 000"


@pytest.fixture
def group() -> PupilGroup:
    return make_group()


def sign_in(group: PupilGroup, nickname: str, pin: str, address: str = "10.0.0.1") -> User | None:
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    return authenticate(request, group=group, nickname=nickname, pin=pin)


@pytest.mark.parametrize("typed", ["cdfhjkmn", " CDFH JKMN ", "cdfh-jkmn", "СDFН–JКМN", "сdfн_jкмn"])
def test_code_is_read_in_any_case_with_spaces_hyphens_and_cyrillic_letters(group, typed):
    PupilGroup.objects.update(code="CDFHJKMN")
    assert teaching.group_with_code(typed) == group
    assert teaching.group_with_code(typed + "x") is None


def test_codes_have_no_vowels_and_nothing_that_looks_like_a_digit():
    letters = set("".join(names.new_code() for _number in range(300)))
    assert not letters & set("AEIOUSZBGLQ0123456789")
    assert len(letters) == 15


@pytest.mark.parametrize("alike", ["oля", "ОЛЯ", " О-л я", "0ля"])
def test_nicknames_that_people_confuse_are_one(group, alike):
    pupil = make_pupil(group, "Оля")
    with pytest.raises(pupils.NicknameTaken):
        make_pupil(group, alike)
    assert names.fold_nickname(alike) == pupil.folded_nickname


@pytest.mark.parametrize("bad", ["", " - ", "x" * 31, "a\0b", "<b>", "a@example.org"])
def test_bad_nickname_is_refused(group, bad):
    with pytest.raises(names.BadNickname):
        make_pupil(group, bad)


def test_pins_are_not_those_that_people_guess_first():
    pins = [names.new_pin() for _number in range(2000)]
    assert all(len(pin) == 6 and pin.isdecimal() and len(set(pin)) > 2 for pin in pins)
    assert len(set(pins)) > 1900


def test_pupil_signs_in_with_nickname_and_pin(group):
    card = make_card(group, "Оля К.")
    for nickname, pin in (("Оля К.", card.pin), ("оля-к", f" {card.pin[:3]} {card.pin[3:]} ")):
        assert sign_in(group, nickname, pin) == card.pupil.user
    assert not card.pupil.user.has_usable_password()
    assert card.pin not in str([*Pupil.objects.values()])
    assert card.token not in str([*Pupil.objects.values()])


def test_same_nickname_in_another_group_is_somebody_else(group):
    card, other = make_card(group), make_card(make_group(group.teacher))
    assert sign_in(group, "Оля", card.pin) == card.pupil.user
    assert sign_in(other.pupil.group, "Оля", card.pin) is None


def test_closed_account_does_not_sign_in(group):
    card = make_card(group)
    User.objects.filter(pk=card.pupil.user_id).update(is_active=False)
    assert sign_in(group, "Оля", card.pin) is None
    assert pupil_of_link(card.token) is None


def test_wrong_pins_lock_the_pupil_and_nobody_else(group, settings):
    settings.AXES_FAILURE_LIMIT = 3
    card, other = make_card(group, "Оля"), make_card(group, "Ivan")
    for number in range(3):
        assert sign_in(group, "Оля", WRONG, f"10.0.0.{number}") is None
    assert sign_in(group, "Оля", card.pin, "10.9.9.9") is None
    assert 0 < seconds_locked(group=group, folded_nickname=card.pupil.folded_nickname) <= 20 * 60
    assert sign_in(group, "Ivan", other.pin) == other.pupil.user
    PinFailures.objects.update(since=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert sign_in(group, "Оля", card.pin) == card.pupil.user


def test_many_wrong_pins_in_a_group_leave_each_pupil_one(group, settings):
    settings.AXES_FAILURE_LIMIT, settings.LOCKOUT_GROUP_FAILURES = 3, 4
    card = make_card(group, "Оля")
    for number in range(4):
        sign_in(group, f"nobody {number}", WRONG)
    assert sign_in(group, "Оля", card.pin) == card.pupil.user
    assert sign_in(group, "Оля", WRONG) is None
    assert sign_in(group, "Оля", card.pin) is None
    another = make_card(make_group(group.teacher))
    assert sign_in(another.pupil.group, "Оля", WRONG) is None
    assert sign_in(another.pupil.group, "Оля", another.pin) == another.pupil.user


def test_nickname_that_nobody_has_is_locked_like_one_that_somebody_has(group, settings):
    settings.AXES_FAILURE_LIMIT = 2
    for _number in range(3):
        assert sign_in(group, "nobody", WRONG) is None
    assert seconds_locked(group=group, folded_nickname=names.fold_nickname("nobody"))


def test_wrong_pins_are_not_counted_by_address(group, settings, client):
    settings.AXES_FAILURE_LIMIT, settings.LOCKOUT_ADDRESS_FAILURES = 3, 3
    make_user("olena")
    for number in range(9):
        sign_in(group, f"nobody {number}", WRONG, "127.0.0.1")
    assert not AccessAttempt.objects.exists()
    words = {"username": "olena", "password": "wrong"}
    assert client.post("/accounts/sign-in/", words).status_code == 200
    assert client.post("/accounts/sign-in/", words | {"password": "password of olena"}).status_code == 302
    AccessAttempt.objects.create(
        username="x", ip_address="127.0.0.1", failures_since_start=99, attempt_time=timezone.now()
    )
    card = make_card(group)
    assert sign_in(group, "Оля", card.pin, "127.0.0.1") == card.pupil.user


@pytest.mark.django_db(transaction=True)
def test_concurrent_guesses_count_like_others(group, settings):
    settings.AXES_FAILURE_LIMIT = 3
    make_pupil(group)
    at_once(*(lambda: sign_in(group, "Оля", WRONG) for _number in range(6)))
    assert PinFailures.objects.get().failures == 3


def test_new_card_ends_sessions_pin_link_and_lock(group, settings):
    settings.AXES_FAILURE_LIMIT = 1
    old = make_card(group)
    client = client_of(old.pupil)
    assert client.get("/").context["user"] == old.pupil.user
    sign_in(group, "Оля", WRONG)
    (new,) = pupils.issue_cards(pupils=group.pupils.all())
    assert client.get("/").context["user"].is_anonymous
    assert pupil_of_link(old.token) is None
    assert pupil_of_link(new.token) == old.pupil
    assert sign_in(group, "Оля", new.pin) == old.pupil.user
    assert sign_in(group, "Оля", old.pin) is None


def test_session_of_a_pupil_ends_after_a_school_day(group):
    pupil = make_pupil(group)
    client = client_of(pupil)
    assert client.get("/").context["user"] == pupil.user
    User.objects.filter(pk=pupil.user_id).update(last_login=timezone.now() - timedelta(hours=13))
    assert client.get("/").context["user"].is_anonymous


def test_joining_needs_an_open_group(group):
    with pytest.raises(pupils.JoiningClosed):
        pupils.join(group=group, nickname="Оля")
    teaching.open_joining(group=group, hours=2)
    card = pupils.join(group=group, nickname="Оля")
    assert sign_in(group, "Оля", card.pin) == card.pupil.user
    PupilGroup.objects.update(open_until=timezone.now())
    with pytest.raises(pupils.JoiningClosed):
        pupils.join(group=PupilGroup.objects.get(), nickname="Іван")
    teaching.close_joining(group=group)
    assert not group.is_open


def test_group_has_room_for_so_many(group, settings):
    settings.GROUP_MOST_PUPILS = 2
    with pytest.raises(pupils.GroupFull):
        pupils.add_pupils(group=group, nicknames=["a", "b", "c"])
    assert len(pupils.add_pupils(group=group, nicknames=["a", "b"])) == 2
    teaching.open_joining(group=group, hours=1)
    with pytest.raises(pupils.GroupFull):
        pupils.join(group=group, nickname="c")


def test_list_with_a_nickname_twice_makes_nobody(group):
    with pytest.raises(pupils.NicknameTaken) as taken:
        pupils.add_pupils(group=group, nicknames=["Ivan", "Оля", "ivan"])
    assert taken.value.nicknames == ("ivan",)
    assert not Pupil.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_join_with_one_nickname_at_once_one_does(group):
    teaching.open_joining(group=group, hours=1)

    def join() -> bool:
        try:
            return bool(pupils.join(group=group, nickname="Оля"))
        except pupils.NicknameTaken:
            return False

    assert sorted(at_once(join, join, join)) == [False, False, True]
    assert User.objects.filter(pupil__isnull=False).count() == 1


def test_replaced_code_leaves_pins_and_links(group):
    card, old = make_card(group), group.code
    teaching.replace_code(group=group)
    assert teaching.group_with_code(old) is None
    assert sign_in(group, "Оля", card.pin) == card.pupil.user
    assert pupil_of_link(card.token) == card.pupil


def test_renamed_pupil_signs_in_by_the_new_name(group):
    card = make_card(group)
    make_pupil(group, "Ivan")
    with pytest.raises(pupils.NicknameTaken):
        pupils.rename_pupil(pupil=card.pupil, nickname="IVAN")
    pupils.rename_pupil(pupil=card.pupil, nickname="Соля")
    assert sign_in(group, "соля", card.pin).first_name == "Соля"


def test_only_teachers_have_groups(group):
    make_group(make_teacher("another"))
    assert [*teaching.groups_of(group.teacher)] == [group]
    group.teacher.user_permissions.clear()
    assert [*teaching.groups_of(User.objects.get(pk=group.teacher_id))] == []


@pytest.mark.django_db(transaction=True)
def test_account_of_a_teacher_is_deleted_with_its_pupils_and_their_work(group, stored_files):
    pupil = make_pupil(group)
    make_prediction(pupil.user)
    make_prediction(other := make_pupil(make_group(make_teacher("another"))).user)
    with pytest.raises(ProtectedError):
        group.teacher.delete()
    delete_account(user=group.teacher)
    assert [*Upload.objects.values_list("owner", flat=True)] == [other.pk]
    assert not User.objects.filter(pk__in=[pupil.user_id, group.teacher_id]).exists()
    assert len(stored_files()) == 2


def test_pupil_has_no_password_to_sign_in_with(group):
    pupil = make_pupil(group)
    words = {"username": pupil.user.username, "password": ""}
    assert Client().post("/accounts/sign-in/", words).status_code == 200
