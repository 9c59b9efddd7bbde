"""How long uploads are kept: for ever, for some days, or not at all; and what goes with an account."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.api.job_serializers import JobOptionsSerializer
from classifier.api.serializers import SubmissionOptionsSerializer
from classifier.forms.jobs import ArchiveForm
from classifier.forms.uploads import UploadForm
from classifier.models import Correction, Prediction, Retention, Upload
from classifier.services.history import deletion
from classifier.services.history.correction import correct
from classifier.services.history.overview import overview
from classifier.services.people.ownership import Owner, predictions_of
from classifier.tests.factories import image_file, make_prediction
from classifier.tests.pages import elements, result_of

pytestmark = pytest.mark.django_db(transaction=True)


def purge(capsys) -> str:
    call_command("purge_expired")
    return capsys.readouterr().out.strip()


def test_retention_counts_in_days_from_now():
    now = timezone.now()
    ends = {one: one.expires_at(now) for one in Retention}
    assert ends == {
        Retention.UNTIL_DELETED: None,
        Retention.MONTH: now + timedelta(days=30),
        Retention.WEEK: now + timedelta(days=7),
        Retention.DAY: now + timedelta(days=1),
        Retention.NOT_STORED: now,
    }


def test_page_and_api_offer_every_retention():
    """A retention that is added is offered everywhere, except where nothing could be stored."""
    values = [one.value for one in Retention]
    offered = [str(value) for value, _text in UploadForm(is_anonymous=False).fields["keep"].choices]
    assert offered == ["", *map(str, SubmissionOptionsSerializer().fields["keep"].choices)] == values
    of_jobs = [str(value) for value, _text in ArchiveForm(owner=Owner()).fields["keep"].choices]
    assert of_jobs == ["", *map(str, JobOptionsSerializer().fields["keep"].choices)] == values[:-1]


@pytest.mark.parametrize(("keep", "days"), [("", None), ("1", 1), ("7", 7), ("30", 30)])
def test_upload_is_kept_for_as_long_as_was_asked(user_client, keep, days):
    page = user_client.post("/", {"image": image_file(), "keep": keep}, follow=True)
    upload = Upload.objects.get()
    if days is None:
        assert upload.expires_at is None
    else:
        assert upload.expires_at - upload.created_at == pytest.approx(timedelta(days=days), abs=timedelta(minutes=1))
        assert "Kept until" in user_client.get(f"/predictions/{result_of(page)['data-prediction']}/").text
    # The next one is kept as long, unless the person says otherwise.
    assert f'<option value="{keep}" selected>' in user_client.get("/").text


def test_image_that_is_not_kept_is_classified_and_leaves_nothing(client, stored_files):
    page = client.post("/", {"image": image_file(), "keep": "0"})
    assert page.status_code == 200
    assert result_of(page)["data-class"]
    assert len(elements(page, "data-probability")) == 10
    assert [one["src"][:23] for one in elements(page, "src") if one["src"].startswith("data:")] == [
        "data:image/jpeg;base64,"
    ]
    assert "data-not-kept" in page.text
    assert "/predictions/" not in page.text
    assert (Upload.objects.count(), Prediction.objects.count(), stored_files()) == (0, 0, [])
    assert client.session.get("visitor") is None


def test_script_gets_an_unstored_result_without_an_address(client, stored_files):
    part = client.post("/", {"image": image_file(), "keep": "0"}, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert len(elements(part, "data-upload-answer")) == 1
    assert elements(part, "href") == []
    assert stored_files() == []


def test_period_that_is_not_offered_is_refused(client):
    page = client.post("/", {"image": image_file(), "keep": "365"})
    assert page.status_code == 400
    assert not Upload.objects.exists()


def test_purge_deletes_expired_uploads_with_their_files_only(user, stored_files, capsys, monkeypatch):
    monkeypatch.setattr(deletion, "_BATCH", 2)
    made = [make_prediction(user, seed=seed) for seed in range(7)]
    now = timezone.now()
    for prediction in made[:5]:
        Upload.objects.filter(pk=prediction.upload_id).update(expires_at=now - timedelta(seconds=1))
    Upload.objects.filter(pk=made[5].upload_id).update(expires_at=now + timedelta(hours=1))
    assert purge(capsys) == "5 uploads were deleted."
    assert {*Prediction.objects.all()} == {*made[5:]}
    assert len(stored_files()) == 4
    assert purge(capsys) == "0 uploads were deleted."


def test_account_is_deleted_with_everything_in_it(user, user_client, stored_files):
    kept = make_prediction()
    mine = make_prediction(user, seed=1)
    correct(prediction=mine, label="cat", user=user)
    page = user_client.post("/accounts/delete/", {"password": "password of olena"}, follow=True)
    assert "Your account and everything in it were deleted." in page.text
    assert not type(user).objects.filter(pk=user.pk).exists()
    assert [*Prediction.objects.all()] == [kept]
    assert not Correction.objects.exists()
    assert len(stored_files()) == 2
    assert user_client.get("/accounts/password/").status_code == 302


def test_large_history_is_deleted_in_batches_with_and_without_its_account(user, monkeypatch, stored_files):
    monkeypatch.setattr(deletion, "_BATCH", 2)
    kept = make_prediction()
    for delete in (
        lambda: deletion.delete_everything(owner=Owner(user=user)),
        lambda: deletion.delete_predictions(predictions=predictions_of(Owner(user=user))),
        lambda: deletion.delete_account(user=user),
    ):
        for seed in range(5):
            make_prediction(user, seed=seed)
        with CaptureQueriesContext(connection) as queries:
            assert delete() in (5, None)
        written = [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "classifier_upload"')]
        assert len(written) == 3
        assert [*Upload.objects.all()] == [kept.upload]
        assert len(stored_files()) == 2


def test_account_is_not_deleted_without_its_password(user, user_client):
    assert user_client.get("/accounts/delete/").status_code == 200
    for password in ("", "wrong"):
        assert user_client.post("/accounts/delete/", {"password": password}).status_code == 400
    assert "This is not your password." in user_client.post("/accounts/delete/", {"password": "wrong"}).text
    assert type(user).objects.filter(pk=user.pk).exists()


def test_nobody_deletes_an_account_without_being_signed_in(client, user):
    assert client.post("/accounts/delete/", {"password": "password of olena"}).status_code == 302
    assert type(user).objects.filter(pk=user.pk).exists()


def test_an_expired_upload_is_nowhere_before_it_is_deleted(user, user_client, admin_client):
    prediction = make_prediction(user)
    upload = prediction.upload
    pages = [
        f"/predictions/{prediction.pk}/",
        f"/predictions/{prediction.pk}/explanation/",
        f"/uploads/{upload.pk}/image",
        f"/uploads/{upload.pk}/thumbnail",
    ]
    lists = ["/history/", "/history/predictions.csv"]
    assert [user_client.get(page).status_code for page in pages] == [200] * 4
    assert all(str(prediction.pk) in get_text(user_client, page) for page in lists)
    Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert [user_client.get(page).status_code for page in pages] == [404] * 4
    assert not any(str(prediction.pk) in get_text(user_client, page) for page in lists)
    assert admin_client.get(pages[2]).status_code == 404
    for model in ("upload", "prediction"):
        assert str(upload.pk) not in admin_client.get(f"/admin/classifier/{model}/").text
        assert admin_client.get(f"/admin/classifier/{model}/").context["cl"].result_count == 0
    assert overview(days=7).total == overview(days=7).uploads == 0
    assert Upload.objects.exists()


def get_text(client, page: str) -> str:
    return client.get(page).getvalue().decode()


def make_older(upload: Upload, **age: float) -> None:
    Upload.objects.filter(pk=upload.pk).update(created_at=timezone.now() - timedelta(**age))


def test_anonymous_upload_expires_whatever_was_chosen(client, user, settings, stored_files, capsys):
    settings.ANONYMOUS_DAYS = 3
    client.post("/", {"image": image_file()})
    anonymous, owned = Upload.objects.get(), make_prediction(user, seed=1).upload
    pages = ["/history/", "/history/predictions.csv"]
    for days, is_there in ((2.9, True), (3.1, False)):
        make_older(anonymous, days=days)
        make_older(owned, days=days)
        assert client.get(f"/uploads/{anonymous.pk}/image").status_code == (200 if is_there else 404)
        assert all((str(anonymous.predictions.get().pk) in get_text(client, page)) is is_there for page in pages)
        assert overview(days=7).uploads == 1 + is_there
    assert purge(capsys) == "One upload was deleted."
    assert [*Upload.objects.all()] == [owned]
    assert len(stored_files()) == 2


def test_shorter_time_of_an_anonymous_upload_counts(client, settings):
    settings.ANONYMOUS_DAYS = 3
    shown = {}
    for keep in ("", "1", "30"):
        page = client.post("/", {"image": image_file(), "keep": keep}, follow=True)
        upload = Upload.objects.latest("created_at")
        shown[keep] = round((upload.kept_until - upload.created_at) / timedelta(days=1))
        assert "Kept until" in client.get(f"/predictions/{result_of(page)['data-prediction']}/").text
    assert shown == {"": 3, "1": 1, "30": 3}


def test_upload_that_its_visitor_has_claimed_is_kept_as_was_asked(client, user, settings):
    settings.ANONYMOUS_DAYS = 3
    client.post("/", {"image": image_file()})
    words = {"username": "olena", "password": "password of olena", "takes_uploads": "on"}
    client.post("/accounts/sign-in/", words)
    upload = Upload.objects.get()
    make_older(upload, days=100)
    assert upload.kept_until is None
    assert client.get(f"/uploads/{upload.pk}/image").status_code == 200


def test_session_outlives_each_upload_of_its_visitor(client, settings):
    settings.ANONYMOUS_DAYS = 3
    for day in ("2026-01-01", None):
        client.post("/", {"image": image_file()})
        upload = Upload.objects.latest("created_at")
        session = Session.objects.get()
        assert session.expire_date >= upload.kept_until
        assert session.expire_date < upload.kept_until + timedelta(days=1, minutes=1)
        assert client.cookies["sessionid"]["max-age"] <= timedelta(days=4).total_seconds()
        # As if that had been another day: the session is prolonged.
        store = client.session
        store["visitor_day"] = day
        store.set_expiry(timedelta(days=1))
        store.save()


def test_session_is_written_once_a_day(client):
    client.post("/", {"image": image_file()})
    Session.objects.update(expire_date=timezone.now() + timedelta(days=20))
    client.post("/", {"image": image_file()})
    assert Session.objects.get().expire_date < timezone.now() + timedelta(days=20)


def test_session_of_an_account_lasts_as_long_as_one_without_earlier_uploads(client, user, settings):
    settings.ANONYMOUS_DAYS = 3
    client.post("/", {"image": image_file()})
    client.post("/accounts/sign-in/", {"username": "olena", "password": "password of olena"})
    assert client.session.get_expiry_age() == settings.SESSION_COOKIE_AGE


@pytest.mark.parametrize(("days", "offered"), [(30, ["", "7", "1", "0"]), (3, ["", "1", "0"]), (1, ["", "0"])])
def test_visitor_is_offered_no_period_beyond_the_limit(client, user_client, settings, days, offered):
    settings.ANONYMOUS_DAYS = days
    page = client.get("/")
    assert re.findall(r'<option value="(\d*)"', page.text) == offered
    assert f"{days} day" in page.text
    assert "longer with an account" in page.text
    # The footer agrees.
    assert f"without an account, up to {days} day" in page.text
    own = user_client.get("/").text
    assert "without an account, up to" not in own
    assert "longer with an account" not in own
    assert "until I delete them" in own


def test_how_long_to_keep_is_asked_before_files_are_chosen_and_sent(client):
    page = client.get("/").text
    assert page.index('name="keep"') < page.index('type="file"')
