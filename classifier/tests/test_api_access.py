"""Who may use the API, by what, and what it says to everybody else; the models and the account."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from classifier.api import page_links
from classifier.models import ApiToken, Prediction
from classifier.services.models.publishing import publish
from classifier.tests.api import BATCH, PREDICTIONS, make_token, problem_of, program
from classifier.tests.factories import another_model, image_file, make_prediction

pytestmark = pytest.mark.django_db

ADDRESSES = [PREDICTIONS, BATCH, "/api/v1/models/", "/api/v1/models/student_cnn/", "/api/v1/me/"]


def bearer(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_uses_it_without_an_account(client, address):
    client.post("/", {"image": image_file()})  # a visitor without one, who has a session
    for response in (client.get(address), client.post(address)):
        assert problem_of(response, 401)["title"] == "Authentication required"
        assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "token", ["", "x", "two words", "cifar_" + "0" * 64, "ключ".encode().decode("latin-1"), "\xff"]
)
def test_token_that_is_none_is_refused(user_client, token):
    make_token(ApiToken._meta.get_field("user").related_model.objects.get())
    problem_of(user_client.get("/api/v1/me/", headers={"Authorization": f"Bearer {token}"}), 401)


def test_token_is_kept_as_a_hash_alone(user):
    secret = make_token(user)
    row = ApiToken.objects.get()
    assert secret.startswith("cifar_")
    assert len(secret) == 70
    assert secret not in " ".join(str(value) for value in vars(row).values())
    assert secret.startswith(row.token_key)
    assert len(row.token_key) == 15


def test_token_holds_until_it_expires(user):
    api = program(user, days=30)
    assert api.get("/api/v1/me/").status_code == 200
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    problem_of(api.get("/api/v1/me/"), 401)


def test_token_of_somebody_who_may_not_sign_in_does_not_hold(user):
    api = program(user)
    user.is_active = False
    user.save()
    problem_of(api.get("/api/v1/me/"), 401)


def test_token_to_read_changes_nothing(user):
    prediction = make_prediction(user)
    api = program(user, scope="read")
    address = f"{PREDICTIONS}{prediction.pk}/"
    for read in (PREDICTIONS, address, "/api/v1/models/", "/api/v1/me/"):
        assert api.get(read).status_code == 200
    for response in (
        api.post(PREDICTIONS, {"image": image_file()}),
        api.post(BATCH, {"images": [image_file()]}),
        api.put(f"{address}correction/", {"label": "dog"}, content_type="application/json"),
        api.delete(f"{address}correction/"),
        api.delete(address),
    ):
        assert problem_of(response, 403)["type"].endswith("/api/problems/#read-only-token")
    prediction.refresh_from_db()
    assert (Prediction.objects.count(), prediction.corrected_class) == (1, "")


def test_session_writes_with_its_csrf_token_alone(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/api/v1/me/").json()["token"] is None
    problem_of(client.post(PREDICTIONS, {"image": image_file()}), 403)
    client.get("/accounts/password/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.post(PREDICTIONS, {"image": image_file()}, headers=headers).status_code == 201


def test_program_needs_no_csrf_token(user):
    api = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {make_token(user)}"})
    assert api.post(PREDICTIONS, {"image": image_file()}).status_code == 201


def test_me_says_whose_token_it_is_and_what_it_may_do(user):
    me = program(user, scope="read", name="the kitchen").get("/api/v1/me/").json()
    assert me["username"] == "olena"
    assert (me["token"]["name"], me["token"]["scope"]) == ("the kitchen", "read")
    assert "digest" not in me["token"]


def test_models_are_listed_and_each_tells_what_it_is(user, tmp_path):
    for name in ("first", "second"):
        publish(folder=another_model(tmp_path / name, "other", seed=7 if name == "first" else 8))
    api = program(user)
    models = api.get("/api/v1/models/").json()["results"]
    assert [one["model"] for one in models] == ["student_cnn@1", "other@2", "other@1"]
    assert [one["active"] for one in models] == [True, False, False]
    assert "cat" in models[0]["classes"]
    low, high = models[0]["test_interval"]
    assert 0.5 < low < models[0]["test_accuracy"] < high < 1
    assert (models[0]["test_count"], models[0]["test_data"]) == (10_000, "CIFAR-10 as a JPEG copy")
    assert [api.get(one["url"]).json()["card"]["seed"] for one in models[1:]] == [8, 7]
    assert api.get("/api/v1/models/other/").json()["number"] == 2
    problem_of(api.get("/api/v1/models/nobody/"), 404)


def test_a_model_that_was_never_tested_has_no_figures_of_a_test(user, shipped):
    shipped.card["metrics"] = {}
    shipped.save()
    (model,) = program(user).get("/api/v1/models/").json()["results"]
    assert [model[f"test_{name}"] for name in ("accuracy", "interval", "count")] == [None] * 3


@pytest.mark.parametrize("address", ["/api/nothing", "/api/v1/predictions", "/api/v1/models/odd name/", "/api/v2/me/"])
def test_unknown_address_is_a_problem_too(client, address):
    for response in (client.get(address), client.post(address)):
        detail = problem_of(response, 404)["detail"]
        assert ("slash" in detail) is not address.endswith("/")


def test_unknown_method_and_format_are_problems(user):
    api = program(user)
    refused = api.put(PREDICTIONS)
    problem_of(refused, 405)
    assert "POST" in refused["Allow"]
    problem_of(program(user, scope="read").put("/api/v1/me/"), 405)
    problem_of(api.get("/api/v1/me/", headers={"Accept": "text/csv"}), 406)


@pytest.mark.parametrize("accepted", ["text/html", "application/json", "*/*"])
@pytest.mark.parametrize("address", ["/api/schema/", "/api/schema/?format=json", "/api/docs/"])
def test_pages_about_the_api_tell_of_problems_as_the_rest_does(client, address, accepted):
    refused = client.post(address, headers={"Accept": accepted})
    assert refused.status_code in (405, 406)
    problem_of(refused, refused.status_code)


def test_schema_format_is_chosen_by_address_or_header(client):
    for response in (
        client.get("/api/schema/?format=json", headers={"Accept": "text/html,*/*;q=0.8"}),
        client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}),
    ):
        assert response.json()["openapi"] == "3.1.0"
    problem_of(client.get("/api/schema/?format=xml"), 404)
    problem_of(client.get("/api/schema/", headers={"Accept": "text/csv"}), 406)


def test_addresses_in_an_answer_have_nothing_of_the_one_that_was_asked(user):
    api = program(user)
    answer = api.get(f"{PREDICTIONS}{make_prediction(user).pk}/?format=json").json()
    assert [answer[name] for name in ("url", "page", "image") if "?" in answer[name]] == []
    assert api.get(f"{answer['image']}?format=json").status_code == 200


def test_damaged_json_and_damaged_forms_are_problems(user):
    api = program(user)
    prediction = make_prediction(user)
    problem_of(api.put(f"{PREDICTIONS}{prediction.pk}/correction/", "{", content_type="application/json"), 400)
    problem_of(api.put(f"{PREDICTIONS}{prediction.pk}/correction/", "[]", content_type="application/json"), 400)
    problem_of(api.post(PREDICTIONS, b"x", content_type="multipart/form-data"), 400)


def test_problems_types_lead_to_what_they_mean(client):
    page = client.get("/api/problems/")
    for kind in ("invalid", "idempotency-key-reused", "read-only-token"):
        assert f'id="{kind}"' in page.text


def test_fault_of_the_site_is_a_problem_too(user, monkeypatch):
    def fail(**_arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(page_links, "page_of", fail)
    api = program(user)
    api.raise_request_exception = False
    assert problem_of(api.get(PREDICTIONS), 500)["title"] == "Something went wrong"


def test_page_of_problems_is_only_read(client):
    assert Client(enforce_csrf_checks=True).post("/api/problems/").status_code == 405
