"""The pages of groups: the teacher's, and those on which pupils join, sign in and find what is theirs."""

import csv
import io
import re
import zipfile

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.models import Classifier, Job, Pupil, PupilGroup, Upload
from classifier.services.groups.sign_in import pupil_of_link
from classifier.services.groups.teaching import open_joining
from classifier.services.history.correction import correct
from classifier.tests.classifiers import make_version
from classifier.tests.factories import image_file, make_prediction, make_superuser, make_user
from classifier.tests.groups import client_of, make_card, make_group, make_pupil, make_teacher
from classifier.tests.jobs import work
from classifier.tests.test_admin import staff_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> PupilGroup:
    return make_group(name="7-Б")


@pytest.fixture
def teacher(group) -> Client:
    client = Client()
    client.force_login(group.teacher)
    return client


@pytest.fixture
def page(group) -> str:
    return f"/groups/{group.pk}/"


@pytest.fixture
def door(group) -> str:
    return f"/join/{group.shown_code}/"


def rows_of(response) -> list[list[str]]:
    return [*csv.reader(io.StringIO(response.content.decode("utf-8-sig")))]


def test_groups_are_for_teachers(user_client, client):
    assert user_client.get("/groups/").status_code == 403
    assert user_client.post("/groups/", {"name": "7b"}).status_code == 403
    assert client.get("/groups/").status_code == 302
    assert 'href="/groups/"' not in user_client.get("/history/").text


def test_teacher_creates_and_renames_a_group(teacher, group):
    assert 'href="/groups/"' in teacher.get("/history/").text
    made = teacher.post("/groups/", {"name": "8-A"}).url
    assert "8-A" in teacher.get(made).text
    teacher.post(made, {"action": "rename", "name": "9-A"})
    assert [*PupilGroup.objects.values_list("name", flat=True)] == ["9-A", "7-Б"]
    assert teacher.post("/groups/", {"name": ""}).status_code == 400


def test_list_of_names_becomes_cards_and_a_table(teacher, page, group):
    shown = teacher.post(page, {"nicknames": "Оля К.\n\n Ivan \n"})
    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    tokens = re.findall(r"http://testserver/join/link/([\w-]+)/\"", shown.text)
    assert [pupil_of_link(token).nickname for token in tokens] == ["Оля К.", "Ivan"]
    (signed,) = re.findall(r'name="cards" value="([^"]+)"', shown.text)
    head, *rows = rows_of(teacher.post(f"{page}cards.csv", {"cards": signed}))
    assert head == ["Nickname", "PIN", "Link", "Group", "Code", "Address"]
    pin = re.search(r"\d{3} \d{3}", shown.text)[0]
    link, address = f"http://testserver/join/link/{tokens[0]}/", f"http://testserver/join/{group.shown_code}/"
    assert rows[0] == ["Оля К.", pin, link, "7-Б", group.shown_code, address]
    assert Client().post(address, {"action": "sign_in", "nickname": "оля к", "pin": pin}).url == "/"


def test_table_of_cards_is_of_the_own_group_and_of_nothing_forged(teacher, page, group):
    shown = teacher.post(page, {"nicknames": "Оля"})
    (signed,) = re.findall(r'name="cards" value="([^"]+)"', shown.text)
    other = make_group(group.teacher)
    for address, sent in (
        (f"/groups/{other.pk}/cards.csv", signed),
        (f"{page}cards.csv", signed[:-1]),
        (f"{page}cards.csv", ""),
    ):
        assert teacher.post(address, {"cards": sent}).status_code == 302


@pytest.mark.parametrize("names", ["", "Оля\nоля", "Ivan", "<b>", "a\n" * 101, "x" * 31])
def test_list_that_cannot_be_added_adds_nobody(teacher, page, group, names):
    make_pupil(group, "ivan")
    assert teacher.post(page, {"nicknames": names}).status_code == 400
    assert Pupil.objects.count() == 1


def test_teacher_opens_closes_and_replaces_the_code(teacher, page, group, door):
    new = {"action": "join", "nickname": "Оля"}
    assert Client().post(door, new).status_code == 400
    teacher.post(page, {"action": "open", "hours": 2})
    assert "Join" in Client().get(door).text
    assert Client().post(door, new).status_code == 200
    teacher.post(page, {"action": "close"})
    assert "Joining is closed" in Client().get(door).text
    teacher.post(page, {"action": "replace_code"})
    assert Client().get(door).status_code == 404
    assert PupilGroup.objects.get().shown_code in teacher.get(page).text
    assert teacher.post(page, {"action": "open", "hours": 9999}).status_code == 302
    assert not PupilGroup.objects.get().is_open


def test_pupil_joins_signs_out_and_signs_in(group, door):
    open_joining(group=group, hours=1)
    browser = Client()
    assert browser.post("/join/", {"code": group.code.lower()}).url == door
    joined = browser.post(door, {"action": "join", "nickname": "Оля"})
    pin = re.search(r"data-pin>(\d{3} \d{3})<", joined.text)[1]
    assert browser.session.get_expire_at_browser_close()
    history = browser.get("/history/").text
    assert "Оля" in history
    assert "pupil-" not in history
    browser.post("/accounts/sign-out/")
    wrong = browser.post(door, {"action": "sign_in", "nickname": "Оля", "pin": "000000"})
    assert (wrong.status_code, "do not belong together" in wrong.text) == (400, True)
    assert browser.post(door, {"action": "sign_in", "nickname": " оля", "pin": pin}).status_code == 302
    assert browser.session.get_expire_at_browser_close()
    assert Client().post(door, {"action": "join", "nickname": "ОЛЯ"}).status_code == 400


def test_locked_pupil_is_told_when_to_try_again(group, door, settings):
    settings.AXES_FAILURE_LIMIT = 2
    make_pupil(group)
    for _number in range(3):
        page = Client().post(door, {"action": "sign_in", "nickname": "Оля", "pin": "000000"})
    assert "Too many wrong PINs" in page.text
    assert "20 min" in page.text


def test_wrong_code_says_what_to_do(client):
    for page in (client.post("/join/", {"code": "xxxx"}), client.get("/join/XXXX-XXXX/"), client.get("/join/%00/")):
        assert page.status_code in (400, 404)
        assert "No group has this code" in page.text


def test_link_asks_first_and_signs_in_by_a_button(group):
    card, browser = make_card(group), Client()
    link = f"/join/link/{card.token}/"
    assert "Sign in as Оля" in browser.get(link).text
    assert "_auth_user_id" not in browser.session
    assert browser.post(link).url == "/"
    assert browser.session.get_expire_at_browser_close()
    assert browser.get("/").context["pupil"] == card.pupil
    assert Client().post("/join/link/nothing/").status_code == 404


def test_sign_up_that_is_closed_does_not_close_groups(group, door, settings):
    settings.SIGN_UP = "closed"
    open_joining(group=group, hours=1)
    assert Client().post(door, {"action": "join", "nickname": "Оля"}).status_code == 200


def test_pupil_has_a_page_instead_of_password_tokens_and_deletion(group):
    browser = client_of(make_pupil(group))
    for path in ("password/", "tokens/", "delete/", "email/"):
        for method in (browser.get, browser.post):
            assert method(f"/accounts/{path}").url == "/accounts/pupil/", path
    page = browser.get("/accounts/pupil/").text
    assert "7-Б" in page
    assert "/history/delete/" in page
    assert "Only you, your teacher and the site’s staff" in page


def test_pupil_uploads_downloads_and_deletes(group):
    pupil = make_pupil(group)
    browser = client_of(pupil)
    browser.post("/", {"image": image_file("mine.jpg")})
    assert Upload.objects.get().owner == pupil.user
    assert "mine.jpg" in b"".join(browser.get("/history/predictions.csv").streaming_content).decode()
    browser.post("/history/delete/")
    assert not Upload.objects.exists()


def test_other_accounts_keep_their_pages(user_client, client):
    assert user_client.get("/accounts/pupil/").url == "/accounts/password/"
    assert user_client.get("/accounts/tokens/").status_code == 200
    assert client.get("/accounts/pupil/").status_code == 302


def test_teacher_sees_counts_images_corrections_and_classifiers(teacher, page, group):
    pupil = make_pupil(group)
    prediction = make_prediction(pupil.user, name="bolt.jpg")
    correct(prediction=prediction, label="ship", user=pupil.user)
    classifier = make_version(prediction, name="bolts").classifier
    counts = re.findall(r'<td class="text-end"[^>]*>(\d+)</td>', teacher.get(page).text)
    assert counts == ["1", "1", "1"]
    for address in (
        f"{page}work/",
        f"{page}work/?corrected",
        f"{page}pupils/{pupil.pk}/",
        f"{page}pupils/{pupil.pk}/?state=corrected",
    ):
        shown = teacher.get(address).text
        assert "bolt.jpg" in shown, address
        assert "Ship" in shown
    assert "bolt.jpg" not in teacher.get(f"{page}pupils/{pupil.pk}/?state=unchecked").text
    for kind in ("image", "thumbnail"):
        assert teacher.get(f"/uploads/{prediction.upload_id}/{kind}").status_code == 200
    download = teacher.get(f"{page}pupils/{pupil.pk}/classifiers/{classifier.pk}.zip")
    assert zipfile.ZipFile(io.BytesIO(download.getvalue())).namelist()


def test_former_teacher_sees_no_pupils_images(teacher, group):
    prediction = make_prediction(make_pupil(group).user)
    group.teacher.user_permissions.clear()
    assert teacher.get(f"/uploads/{prediction.upload_id}/image").status_code == 404
    assert teacher.get(f"/groups/{group.pk}/").status_code == 404


def test_classifier_of_another_pupil_is_not_found_under_this_one(teacher, page, group):
    one, other = make_pupil(group, "one"), make_pupil(group, "other")
    classifier = make_version(make_prediction(other.user), name="bolts").classifier
    assert teacher.get(f"{page}pupils/{one.pk}/classifiers/{classifier.pk}.zip").status_code == 404
    assert Classifier.objects.get() == classifier


def test_teacher_renames_a_pupil_and_issues_a_card(teacher, page, group):
    card = make_card(group)
    make_pupil(group, "Ivan")
    address = f"{page}pupils/{card.pupil.pk}/"
    assert teacher.post(address, {"nickname": "ivan"}).status_code == 400
    assert teacher.post(address, {"nickname": "Соля"}).status_code == 302
    assert "Соля" in teacher.post(address, {"action": "card"}).text
    assert pupil_of_link(card.token) is None


def test_cards_need_a_selection(teacher, page, group):
    card = make_card(group)
    assert "Nobody was selected" in teacher.post(page, {"action": "cards"}, follow=True).text
    assert pupil_of_link(card.token) == card.pupil
    teacher.post(page, {"action": "cards", "pupils": [card.pupil.pk]})
    assert pupil_of_link(card.token) is None


def test_card_of_another_group_is_not_issued(teacher, page):
    card = make_card(make_group(make_teacher("another")))
    assert teacher.post(page, {"action": "cards", "pupils": [card.pupil.pk]}).status_code == 302
    assert pupil_of_link(card.token) == card.pupil


@pytest.mark.django_db(transaction=True)
def test_export_has_a_folder_for_each_pupil(teacher, page, group):
    for nickname in ("Оля", "Ivan"):
        prediction = make_prediction(make_pupil(group, nickname).user, name="bolt.jpg")
        correct(prediction=prediction, label="ship", user=prediction.owner)
    make_prediction(group.teacher)
    for address, nicknames in (
        (f"{page}export/", {"Оля", "Ivan"}),
        (f"{page}pupils/{Pupil.objects.get(nickname='Оля').pk}/export/", {"Оля"}),
    ):
        job = teacher.post(address).url
        work()
        with zipfile.ZipFile(io.BytesIO(b"".join(teacher.get(f"{job}export").streaming_content))) as archive:
            folders = {tuple(name.split("/")[:2]) for name in archive.namelist() if "/" in name}
            table = archive.read("results.csv").decode()
        assert folders == {(nickname, "ship") for nickname in nicknames}
        assert {line.rsplit('"', 2)[1] for line in table.splitlines()[1:]} == nicknames


@pytest.mark.django_db(transaction=True)
def test_export_of_a_group_that_has_another_teacher_since_has_nothing_in_it(teacher, page, group):
    make_prediction(make_pupil(group).user, name="bolt.jpg")
    job = teacher.post(f"{page}export/").url
    PupilGroup.objects.update(teacher=make_teacher("another"))
    work()
    with zipfile.ZipFile(io.BytesIO(b"".join(teacher.get(f"{job}export").streaming_content))) as archive:
        assert archive.namelist() == ["results.csv"]


def test_export_of_nothing_is_refused(teacher, page):
    assert "nothing" in teacher.post(f"{page}export/", follow=True).text.lower()
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_group_is_deleted_with_everything_after_a_summary(teacher, page, group, stored_files):
    pupil, other = make_pupil(group), make_prediction(make_user("other"))
    prediction = make_prediction(pupil.user)
    make_version(prediction, name="bolts")
    session = client_of(pupil)
    session.post("/jobs/", {"kind": "export", "format": "csv"})
    summary = re.findall(r"<dd>(\d+)", teacher.get(f"{page}delete/").text)
    assert summary == ["1", "1", "1", "0", "1", "1"]
    assert teacher.post(f"{page}delete/").status_code == 400
    assert Pupil.objects.exists()
    assert "with 1 pupil" in teacher.post(f"{page}delete/", {"confirmed": "on"}, follow=True).text
    assert not PupilGroup.objects.exists()
    assert not Job.objects.exists()
    assert not Classifier.objects.exists()
    assert [*Upload.objects.all()] == [other.upload]
    assert not User.objects.filter(username__startswith="pupil-").exists()
    assert len(stored_files()) == 2
    assert session.get("/history/").context["user"].is_anonymous


def test_one_pupil_is_deleted(teacher, page, group):
    one, other = make_pupil(group, "one"), make_pupil(group, "other")
    address = f"{page}pupils/{one.pk}/delete/"
    assert teacher.post(address).status_code == 400
    assert teacher.post(address, {"confirmed": "on"}).url == page
    assert [*Pupil.objects.all()] == [other]


def test_teacher_with_groups_does_not_delete_the_account(teacher, group):
    words = {"password": "password of teacher"}
    assert "Delete your groups of pupils first" in teacher.post("/accounts/delete/", words).text
    group.delete()
    assert teacher.post("/accounts/delete/", words).status_code == 302


def test_staff_says_in_the_admin_who_teaches(user):
    staff = staff_with("change_pupilgroup", "view_user", "change_user")
    sent = {"action": "allow_to_teach", "_selected_action": [user.pk]}
    staff.post("/admin/auth/user/", sent)
    assert User.objects.get(pk=user.pk).has_perm("classifier.teach")
    staff.post("/admin/auth/user/", sent | {"action": "forbid_to_teach"})
    assert not User.objects.get(pk=user.pk).has_perm("classifier.teach")
    staff_with("view_user", "change_user", name="clerk-2").post("/admin/auth/user/", sent)
    assert not User.objects.get(pk=user.pk).has_perm("classifier.teach")


def test_administrator_gives_a_group_to_another_teacher_and_deletes_it(group):
    admin, another = Client(), make_teacher("another")
    admin.force_login(make_superuser("root"))
    make_pupil(group)
    address = f"/admin/classifier/pupilgroup/{group.pk}/"
    assert "7-Б" in admin.get("/admin/classifier/pupilgroup/").text
    admin.post(f"{address}change/", {"name": "7-Б", "teacher": another.pk})
    assert PupilGroup.objects.get().teacher == another
    assert admin.post(f"{address}delete/", {"post": "yes"}).status_code == 302
    assert not Pupil.objects.exists()
