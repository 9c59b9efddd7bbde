"""Whose an upload is, and what becomes of that; that it is nobody else's is held in test_strangers.py."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from PIL import Image

from classifier.models import Prediction, Upload
from classifier.tests.factories import image_bytes, image_file, make_prediction, make_superuser, make_user
from classifier.tests.pages import elements, result_of

pytestmark = pytest.mark.django_db(transaction=True)


def addresses(prediction: Prediction) -> dict[str, str]:
    return {
        "detail": f"/predictions/{prediction.pk}/",
        "delete": f"/predictions/{prediction.pk}/delete/",
        "image": f"/uploads/{prediction.upload_id}/image",
        "thumbnail": f"/uploads/{prediction.upload_id}/thumbnail",
    }


def statuses(client: Client, prediction: Prediction) -> dict[str, int]:
    """What comes of asking for all that belongs to a prediction; the body is read, as a browser would."""
    return {name: client.get(address).status_code for name, address in addresses(prediction).items()}


def upload_as(client: Client) -> Prediction:
    page = client.post("/", {"image": image_file()}, follow=True)
    return Prediction.objects.select_related("upload").get(pk=result_of(page)["data-prediction"])


def signed_up(client: Client, name: str = "taras", **fields: str) -> Client:
    words = {"username": name, "password1": "correct horse battery", "password2": "correct horse battery", **fields}
    assert client.post("/accounts/sign-up/", words).status_code == 302
    return client


def signed_in(client: Client, name: str, **fields: str) -> Client:
    words = {"username": name, "password": f"password of {name}", **fields}
    assert client.post("/accounts/sign-in/", words).status_code == 302
    return client


def offer(page) -> dict:
    """The box that moves the browser's uploads to the account."""
    (box,) = [field for field in elements(page, "name") if field["name"] == "takes_uploads"]
    return box


def signed_out(client: Client) -> Client:
    client.post("/accounts/sign-out/")
    return client


def test_owner_sees_all_of_it(user, user_client):
    assert set(statuses(user_client, make_prediction(user)).values()) == {200}


def test_visitor_without_an_account_sees_all_of_it(client):
    assert set(statuses(client, upload_as(client)).values()) == {200}


def test_visitor_without_a_session_can_delete_nothing(client):
    make_prediction()
    client.post("/history/delete/")
    assert Upload.objects.count() == 1


def test_uploads_follow_at_sign_up(client):
    prediction = upload_as(client)
    signed_up(client, takes_uploads="on")
    prediction.upload.refresh_from_db()
    assert (prediction.upload.owner.username, prediction.upload.visitor) == ("taras", None)
    assert set(statuses(client, prediction).values()) == {200}


def test_uploads_follow_at_sign_in_and_join_the_earlier_ones(client, user):
    earlier, prediction = make_prediction(user), upload_as(client)
    signed_in(client, "olena", takes_uploads="on")
    assert set(Upload.objects.filter(owner=user, visitor=None)) == {earlier.upload, prediction.upload}
    assert "visitor" not in client.session


def test_uploads_of_others_do_not_follow(client, user):
    others = upload_as(Client())
    upload_as(client)
    signed_in(client, "olena", takes_uploads="on")
    others.upload.refresh_from_db()
    assert (others.upload.owner, others.upload.visitor is None) == (None, False)


def test_session_that_signed_out_sees_nothing_any_more(client):
    prediction = upload_as(client)
    signed_out(signed_up(client, takes_uploads="on"))
    assert set(statuses(client, prediction).values()) == {404}
    assert "No images yet" in client.get("/history/").text


def test_upload_after_signing_out_is_a_visitors_again(client, user):
    signed_out(signed_in(client, "olena"))
    assert upload_as(client).upload.owner is None


def test_second_person_at_the_same_browser_gets_nothing_of_the_first(client, user):
    prediction = upload_as(client)
    signed_out(signed_up(client, takes_uploads="on"))
    signed_in(client, "olena", takes_uploads="on")
    assert set(statuses(client, prediction).values()) == {404}


@pytest.mark.parametrize("enter", [signed_up, lambda client: signed_in(client, "olena")])
def test_uploads_that_someone_else_left_in_the_browser_are_not_taken(client, user, enter):
    prediction = upload_as(client)
    enter(client)
    prediction.upload.refresh_from_db()
    assert prediction.upload.owner is None
    assert set(statuses(client, prediction).values()) == {404}
    signed_out(client)
    assert set(statuses(client, prediction).values()) == {200}
    assert "checked" not in offer(client.get("/accounts/sign-in/"))


@pytest.mark.parametrize("page", ["/accounts/sign-in/", "/accounts/sign-up/"])
@pytest.mark.parametrize(("hours", "is_ticked"), [(0, True), (2, False)])
def test_uploads_are_offered_and_ticked_only_if_they_are_recent(client, page, hours, is_ticked):
    assert "takes_uploads" not in client.get(page).text
    upload_as(client)
    assert "Move 1 image uploaded in this browser to my account" in client.get(page).text
    upload_as(client)
    Upload.objects.update(created_at=timezone.now() - timedelta(hours=hours))
    shown = client.get(page)
    assert ("checked" in offer(shown)) is is_ticked
    assert "Move 2 images uploaded in this browser to my account" in shown.text


def test_signing_in_to_the_admin_moves_no_uploads(client):
    make_superuser("root")
    prediction = upload_as(client)
    client.post("/admin/login/", {"username": "root", "password": "password of root", "takes_uploads": "on"})
    prediction.upload.refresh_from_db()
    assert prediction.upload.owner is None


def test_failed_sign_in_hands_nothing_over(client, user):
    prediction = upload_as(client)
    client.post("/accounts/sign-in/", {"username": "olena", "password": "wrong", "takes_uploads": "on"})
    prediction.upload.refresh_from_db()
    assert prediction.upload.owner is None


def test_deleting_a_user_deletes_uploads_and_files(user, stored_files):
    kept = make_prediction()
    make_prediction(user, seed=1)
    user.delete()
    assert [*Upload.objects.all()] == [kept.upload]
    assert stored_files() == sorted([kept.upload.file.name, kept.upload.thumbnail.name])


@pytest.mark.parametrize(("permission", "status"), [("view_upload", 200), ("view_prediction", 404)])
def test_staff_with_permission_sees_images(user, permission, status):
    staff, client = make_user("staff", is_staff=True), Client()
    staff.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(staff)
    seen = statuses(client, make_prediction(user))
    assert (seen["image"], seen["thumbnail"]) == (status, status)
    assert (seen["detail"], seen["delete"]) == (404, 404)


def test_image_comes_as_what_its_bytes_are_and_runs_nothing(client):
    content = image_bytes("PNG")
    client.post("/", {"image": image_file("page.html", content, content_type="text/html")})
    response = client.get(f"/uploads/{Upload.objects.get().pk}/image")
    assert b"".join(response) == content
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"].startswith("private")
    assert response["Content-Length"] == str(len(content))


def test_thumbnail_is_a_small_jpeg_with_the_same_guards(client):
    client.post("/", {"image": image_file(content=image_bytes("PNG", width=900, height=600))})
    response = client.get(f"/uploads/{Upload.objects.get().pk}/thumbnail")
    with Image.open(io.BytesIO(b"".join(response))) as thumbnail:
        assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", 320)
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "private" in response["Cache-Control"]
