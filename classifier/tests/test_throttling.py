"""Who asks for too much is told to wait, by page and API alike, and nobody else is."""

import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from django.test import Client
from playwright.sync_api import expect

from classifier.api.throttling import ApiThrottle
from classifier.models import Prediction
from classifier.services.people.ownership import Owner
from classifier.services.people.throttling import Throttle, charge_work, take, take_work
from classifier.tests.api import BATCH, PREDICTIONS, problem_of, program
from classifier.tests.browser import sign_in
from classifier.tests.factories import image_bytes, image_file, make_prediction, make_user
from classifier.tests.routes import Route, routes
from classifier.web.clients import address_of
from classifier.web.limits import limits_of


def upload(client: Client, address: str = "192.0.2.1", **headers: str):
    return client.post("/", {"image": image_file()}, follow=True, headers=headers, REMOTE_ADDR=address)


def statuses(client: Client, count: int, **options) -> list[int]:
    return [upload(client, **options).status_code for _ in range(count)]


@pytest.mark.django_db
def test_person_who_uploads_too_much_waits_and_another_does_not(limit, user_client):
    limit(classify_person="2/minute")
    assert statuses(user_client, 3) == [200, 200, 429]
    assert statuses(user_client, 1, address="192.0.2.2") == [429]
    other = Client()
    other.force_login(make_user("taras"))
    assert statuses(other, 1) == [200]
    assert user_client.get("/").status_code == 200
    assert Prediction.objects.count() == 3


@pytest.mark.django_db
def test_visitor_is_a_person_too(limit):
    limit(classify_person="2/minute")
    # The first upload makes a visitor of somebody who was nobody.
    assert statuses(Client(), 4) == [200, 200, 200, 429]
    assert statuses(Client(), 1) == [200]


@pytest.mark.django_db
def test_client_without_cookies_is_limited_by_address(limit):
    limit(classify_address="2/minute")
    assert [upload(Client()).status_code for _ in range(3)] == [200, 200, 429]
    assert upload(Client(), address="192.0.2.2").status_code == 200


@pytest.mark.django_db
def test_limit_is_over_when_the_answer_says_so(limit, user_client):
    limit(classify_person="1/second")
    assert upload(user_client).status_code == 200
    refused = upload(user_client)
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    time.sleep(1)
    assert upload(user_client).status_code == 200


@pytest.mark.django_db
def test_answer_says_why_and_when_as_a_page_a_part_of_one_and_problem_details(limit, user_client):
    limit(classify_person="1/minute")
    upload(user_client)
    page = upload(user_client)
    assert 1 <= int(page["Retry-After"]) <= 60
    assert "no-store" in page["Cache-Control"]
    assert "Too many requests" in page.text
    assert "Your request was not saved." in page.text
    assert f"Please try again in {page['Retry-After']} s." in page.text
    assert "site-header" in page.text
    part = upload(user_client, hx_request="true")
    assert (part.status_code, "site-header" in part.text, "data-upload-answer" in part.text) == (429, False, True)
    problem = problem_of(upload(user_client, accept="application/json"), 429)
    assert problem["detail"].startswith("Too many requests.")


@pytest.mark.django_db
def test_image_of_a_limited_client_is_not_read(limit, user_client):
    limit(classify_person="1/minute")
    upload(user_client)
    body = BytesIO(b"x" * 1000)
    assert user_client.post("/", {"image": image_file()}, **{"wsgi.input": body}).status_code == 429
    assert body.tell() == 0


@pytest.mark.django_db
def test_page_and_api_count_together_and_every_image_of_a_batch_counts(limit, user, user_client):
    limit(classify_person="4/minute")
    api = program(user)
    assert upload(user_client).status_code == 200
    assert api.post(BATCH, {"images": [image_file(), image_file()]}).status_code == 200
    refused = api.post(BATCH, {"images": [image_file(), image_file()]})
    assert problem_of(refused, 429)["title"] == "Too many requests"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert upload(user_client).status_code == 429
    assert api.get(PREDICTIONS).status_code == 200
    assert Prediction.objects.count() == 3


@pytest.mark.django_db
def test_batch_larger_than_the_limit_passes_when_nothing_was_sent_before(limit, user):
    limit(classify_person="2/minute")
    api = program(user)
    assert api.post(BATCH, {"images": [image_file()] * 3}).status_code == 200
    assert api.post(PREDICTIONS, {"image": image_file()}).status_code == 429


@pytest.mark.django_db
def test_api_is_limited_in_everything_by_person_and_by_address(limit, user):
    limit(api_person="2/minute", api_address="4/minute")
    api, other = program(user), program(make_user("taras"))
    assert [api.get("/api/v1/me/").status_code for _ in range(3)] == [200, 200, 429]
    assert [other.get("/api/v1/models/").status_code for _ in range(2)] == [200, 200]
    assert other.get("/api/v1/models/", REMOTE_ADDR="192.0.2.2").status_code == 429
    assert Client().get("/api/schema/").status_code == 429


@pytest.mark.django_db
def test_guessing_tokens_is_limited(limit):
    limit(api_address="3/minute")
    stranger = Client(headers={"Authorization": "Bearer cifar_guess"})
    assert [stranger.get("/api/v1/me/").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert int(stranger.get("/api/v1/me/")["Retry-After"]) > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/predictions/{}/explanation/", "/predictions/{}/map.png", "/history/predictions.zip"]
)
def test_expensive_work_is_limited(limit, user, user_client, path):
    limit(read_person="1/minute")
    address = path.format(make_prediction(user).pk)
    assert [user_client.get(address).status_code for _ in range(2)] == [200, 429]
    assert user_client.get("/history/").status_code == 200


@pytest.mark.django_db
def test_export_by_post_is_limited_as_one_by_get(limit, user, user_client):
    limit(read_person="1/minute")
    form = {"action": "download", "predictions": [str(make_prediction(user).pk)]}
    assert [user_client.post("/history/selected/", form).status_code for _ in range(2)] == [200, 429]


@pytest.mark.django_db
def test_work_that_a_person_has_used_up_is_refused_by_page_and_api_until_it_is_over(limit, user, user_client):
    limit(work_person="3/hour")
    prediction = make_prediction(user)
    charge_work(owner=Owner(user=user), address="192.0.2.1", seconds=2.5)
    assert upload(user_client).status_code == 200
    charge_work(owner=Owner(user=user), address="192.0.2.1", seconds=0.5)
    assert upload(user_client).status_code == 429
    for path in ("explanation/", "seen.png", "map.png"):
        assert user_client.get(f"/predictions/{prediction.pk}/{path}").status_code == 429
    api = program(user)
    assert int(api.post(PREDICTIONS, {"image": image_file()})["Retry-After"]) > 1000
    assert api.post(BATCH, {"images": [image_file()]}).status_code == 429
    # What costs next to nothing, and another person.
    assert user_client.get("/history/").status_code == api.get(PREDICTIONS).status_code == 200
    assert upload(Client()).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["seen.png", "map.png", "explanation/"])
def test_explanations_are_charged_the_seconds_that_they_take(limit, user, user_client, path):
    limit(work_person="1/hour")
    address = f"/predictions/{make_prediction(user).pk}/{path}"
    assert user_client.get(address).status_code == 200
    assert any(user_client.get(address).status_code == 429 for _ in range(2000))


def test_threads_that_count_at_once_lose_nothing(limit):
    limit(api_address="1000/minute")
    with ThreadPoolExecutor(8) as pool:
        taken = [*pool.map(lambda _number: take(throttle=Throttle.API, owner=None, address="192.0.2.1"), range(1200))]
    assert taken.count(None) == 1000


def test_clock_that_is_set_back_gives_work_back(limit, monkeypatch):
    limit(work_address="1/minute")
    somebody = {"owner": None, "address": "192.0.2.1"}
    charge_work(**somebody, seconds=2)
    assert take_work(**somebody).seconds <= 60
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 7200)
    assert take_work(**somebody) is None


def test_every_route_declares_what_of_it_is_limited():
    """A new one fails here until its URL says `limited` or `unlimited`, or it is a view that the API limits."""
    forgotten = [str(route) for route in routes() if limits_of(route.view) is None and not is_counted_by_the_api(route)]
    assert forgotten == []


def is_counted_by_the_api(route: Route) -> bool:
    return ApiThrottle in getattr(getattr(route.view, "cls", None), "throttle_classes", ())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "name"),
    [("/accounts/sign-in/", "sign_in"), ("/admin/login/", "sign_in"), ("/accounts/sign-up/", "sign_up")],
)
def test_signing_in_and_up_are_limited_by_address(limit, path, name):
    limit(**{f"{name}_address": "2/minute"})
    assert [Client().post(path, {}).status_code for _ in range(3)][2] == 429
    assert Client().post(path, {}, REMOTE_ADDR="192.0.2.2").status_code != 429
    assert Client().get(path).status_code == 200


@pytest.mark.parametrize(
    ("behind_proxy", "direct", "forwarded", "address"),
    [
        (False, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (True, "192.0.2.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (True, "192.0.2.1", "", "192.0.2.1"),
        (True, "192.0.2.1", "198.51.100.7, nonsense", "192.0.2.1"),
        (False, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        (False, "2001:db8:1:2:ffff::1", "", "2001:db8:1:2::"),
        (False, "::ffff:192.0.2.1", "", "192.0.2.1"),
        (False, "", "", None),
    ],
)
def test_address_is_the_clients_own_and_no_forged_one(settings, rf, behind_proxy, direct, forwarded, address):
    settings.BEHIND_PROXY = behind_proxy
    request = rf.get("/", REMOTE_ADDR=direct, headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert address_of(request) == address


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_upload_of_many_waits_and_resumes_by_itself(limit, open_browser, user, tmp_path):
    limit(classify_person="3/3 seconds")
    files = [tmp_path / f"picture {number}.jpg" for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(image_bytes(seed=number))
    page = open_browser()
    sign_in(page, user)
    page.goto("/")
    page.set_input_files("[data-upload-input]", files)
    summary = page.locator("[data-upload-summary]")
    expect(summary).to_contain_text("3 of 5 done. Too many requests. Resuming in")
    expect(page.locator(".upload-row[data-state=waiting]")).to_have_count(2)
    expect(page.get_by_role("button", name="Cancel all")).to_be_visible()
    expect(summary).to_have_text("Finished: 5 done", timeout=30_000)
    assert Prediction.objects.count() == 5


@pytest.mark.django_db
def test_clock_that_is_set_back_locks_nobody_out(client, limit, monkeypatch):
    limit(sign_in_address="2/minute")

    clock = time.time
    for hours in (0, 2, 4):
        monkeypatch.setattr(time, "time", lambda hours=hours: clock() - 3600 * hours)
        assert [client.post("/accounts/sign-in/").status_code for _ in range(3)] == [200, 200, 429]
