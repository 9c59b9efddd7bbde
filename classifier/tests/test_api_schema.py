"""The API is what its OpenAPI description says: to people, to Schemathesis and to a client made of it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from classifier.models import Prediction
from classifier.services.people.ownership import Owner
from classifier.tests.api import PROBLEM, make_token, program
from classifier.tests.browser import sign_in
from classifier.tests.classifiers import make_trained, make_version
from classifier.tests.factories import BASE_DIR, image_bytes, make_prediction

PROGRAMS = Path(sys.executable).parent

OPERATIONS = [
    "get /api/v1/classifiers/",
    "post /api/v1/classifiers/",
    "get /api/v1/classifiers/{classifier_id}/",
    "delete /api/v1/classifiers/{classifier_id}/",
    "get /api/v1/classifiers/{classifier_id}/classes/",
    "post /api/v1/classifiers/{classifier_id}/classes/",
    "put /api/v1/classifiers/{classifier_id}/classes/{class_id}/",
    "delete /api/v1/classifiers/{classifier_id}/classes/{class_id}/",
    "get /api/v1/classifiers/{classifier_id}/comparisons/",
    "get /api/v1/classifiers/{classifier_id}/examples/",
    "post /api/v1/classifiers/{classifier_id}/examples/",
    "get /api/v1/classifiers/{classifier_id}/examples/{example_id}/",
    "patch /api/v1/classifiers/{classifier_id}/examples/{example_id}/",
    "delete /api/v1/classifiers/{classifier_id}/examples/{example_id}/",
    "get /api/v1/classifiers/{classifier_id}/runs/",
    "post /api/v1/classifiers/{classifier_id}/runs/",
    "get /api/v1/classifiers/{classifier_id}/versions/",
    "get /api/v1/classifiers/{classifier_id}/versions/{number}/",
    "post /api/v1/classifiers/{classifier_id}/versions/{number}/activate/",
    "get /api/v1/jobs/",
    "post /api/v1/jobs/",
    "get /api/v1/jobs/{job_id}/",
    "delete /api/v1/jobs/{job_id}/",
    "get /api/v1/jobs/{job_id}/errors/",
    "get /api/v1/jobs/{job_id}/file/",
    "get /api/v1/jobs/{job_id}/images/",
    "get /api/v1/jobs/{job_id}/results/",
    "post /api/v1/jobs/{job_id}/resume/",
    "post /api/v1/jobs/{job_id}/retry/",
    "post /api/v1/jobs/exports/",
    "post /api/v1/jobs/rescoring/",
    "get /api/v1/me/",
    "get /api/v1/models/",
    "get /api/v1/models/{model}/",
    "get /api/v1/predictions/",
    "post /api/v1/predictions/",
    "get /api/v1/predictions/{prediction_id}/",
    "delete /api/v1/predictions/{prediction_id}/",
    "put /api/v1/predictions/{prediction_id}/correction/",
    "delete /api/v1/predictions/{prediction_id}/correction/",
    "get /api/v1/predictions/{prediction_id}/image/",
    "get /api/v1/predictions/{prediction_id}/thumbnail/",
    "post /api/v1/predictions/batch/",
]


def run(*command: str, folder: Path, **variables: str) -> None:
    env = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def described() -> dict:
    return Client().get("/api/schema/", {"format": "json"}).json()


@pytest.fixture(scope="module")
def schema() -> dict:
    return described()


@pytest.fixture(scope="module")
def operations(schema) -> dict[str, dict]:
    return {
        f"{method} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_description_is_openapi_and_has_every_address(schema, operations):
    assert schema["openapi"] == "3.1.0"
    assert [*operations] == OPERATIONS
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["token"]["type"], schemes["token"]["scheme"]) == ("http", "bearer")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_description_examples_and_its_errors(operations, name):
    operation = operations[name]
    method, path = name.split()
    assert operation["summary"]
    assert operation["description"]
    assert all(parameter["description"] for parameter in operation.get("parameters", []))
    expected = {401, 406, 429, 503}
    expected |= {404} if "{" in path else set()
    expected |= {403} if method != "get" else set()
    expected |= {400, 408, 411, 413, 415} if "requestBody" in operation else set()
    assert expected <= set(map(int, operation["responses"]))
    for status, response in operation["responses"].items():
        assert response["description"]
        expected = ["Retry-After"] if status in ("429", "503") else ["Location"] if status in ("201", "202") else []
        assert [*response.get("headers", {})] == expected
        if status >= "400":
            (content_type, content), *others = response["content"].items()
            assert (content_type, others) == (PROBLEM, [])
            (example,) = content["examples"].values()
            assert example["value"]["status"] == int(status)
        elif path.endswith(("/image/", "/thumbnail/")):
            assert response["content"] == {"image/*": {"schema": {"type": "string", "format": "binary"}}}
        elif path.endswith(("/results/", "/errors/", "/images/", "/file/")):
            (content,) = response["content"].values()
            assert content == {"schema": {"type": "string", "format": "binary"}}
        elif status not in ("200", "204") or method == "get":
            assert response["content"]["application/json"]["examples"]


def test_examples_have_the_members_that_real_answers_have(operations, user):
    prediction = make_prediction(user)
    version = make_version(prediction)
    own = f"/api/v1/classifiers/{version.classifier_id}/"
    api = program(user)
    for name, address in (
        ("get /api/v1/predictions/{prediction_id}/", f"/api/v1/predictions/{prediction.pk}/"),
        ("get /api/v1/predictions/", "/api/v1/predictions/"),
        ("get /api/v1/classifiers/", "/api/v1/classifiers/"),
        ("get /api/v1/classifiers/{classifier_id}/", own),
        ("get /api/v1/classifiers/{classifier_id}/classes/", f"{own}classes/"),
        ("get /api/v1/classifiers/{classifier_id}/examples/", f"{own}examples/"),
        ("get /api/v1/classifiers/{classifier_id}/versions/{number}/", f"{own}versions/1/"),
        ("get /api/v1/models/", "/api/v1/models/"),
        ("get /api/v1/me/", "/api/v1/me/"),
    ):
        content = operations[name]["responses"]["200"]["content"]["application/json"]
        (example,) = content["examples"].values()
        assert members(example["value"]) == members(api.get(address).json())


def members(found: object) -> object:
    if isinstance(found, dict):
        return {name: members(value) for name, value in found.items()}
    return [members(value) for value in found[:1]] if isinstance(found, list) else None


def test_description_is_in_the_language_that_is_asked_for():
    texts = {
        language: Client().get("/api/schema/", {"lang": language, "format": "json"}).json()["info"]["title"]
        for language in ("en", "uk")
    }
    assert texts["en"] == "Photo classifier"
    assert re.search("[а-я]", texts["uk"])


#: Schemathesis understands no rule for fields that go together in a form with a file, and an address has none.
WITH_FIELDS_TOGETHER = (
    "GET /api/v1/predictions/",
    "POST /api/v1/classifiers/{classifier_id}/examples/",
    "POST /api/v1/jobs/",
    # Another call may have deleted the classifier that it names.
    "POST /api/v1/jobs/rescoring/",
    "POST /api/v1/predictions/",
    "POST /api/v1/predictions/batch/",
)
TOGETHER = """
[[operations]]
include-name = "{operation}"
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.endurance
@pytest.mark.django_db(transaction=True)
def test_schemathesis_finds_no_answer_that_the_description_does_not_foresee(live_server, user, settings, tmp_path):
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, "1000000/minute")
    make_prediction(user)
    classifier = make_trained(Owner(user=user)).classifier_id
    rules = (TOGETHER.format(operation=operation) for operation in WITH_FIELDS_TOGETHER)
    (tmp_path / "schemathesis.toml").write_text("".join(rules))
    run(
        "schemathesis",
        "run",
        f"{live_server.url}/api/schema/?format=json",
        "--header",
        f"Authorization: Bearer {make_token(user)}",
        "--max-examples=8",
        "--seed=1",
        "--no-shrink",
        folder=tmp_path,
        SCHEMATHESIS_HOOKS="classifier.tests.schema_hooks",
        PYTHONPATH=str(BASE_DIR),
        CLASSIFIER=str(classifier),
    )
    assert Prediction.objects.count() > 1


@pytest.mark.django_db(transaction=True)
def test_client_made_of_the_description_creates_and_reads_a_prediction(
    live_server, user, schema, tmp_path, monkeypatch
):
    description, package = tmp_path / "schema.json", tmp_path / "classifier_client"
    description.write_text(json.dumps(schema))
    options = tmp_path / "options.yaml"
    options.write_text('{post_hooks: [], content_type_overrides: {"image/*": application/octet-stream}}')
    run(
        *("openapi-python-client", "generate", "--meta", "none", "--config", str(options)),
        *("--path", str(description), "--output-path", str(package)),
        folder=tmp_path,
    )
    monkeypatch.syspath_prepend(tmp_path)
    from classifier_client import AuthenticatedClient
    from classifier_client.api.predictions import create_prediction, list_predictions, read_image, read_prediction
    from classifier_client.models import CreateRequest, KeepEnum, Problem
    from classifier_client.types import File

    with AuthenticatedClient(live_server.url, make_token(user)) as client:
        body = CreateRequest(image=File(image_bytes(), "cat.jpg", "image/jpeg"), keep=KeepEnum.VALUE_7)
        made = create_prediction.sync(client=client, body=body, idempotency_key="one")
        read = read_prediction.sync(made.id, client=client)
        listed = list_predictions.sync(client=client)
        picture = read_image.sync(made.id, client=client)
        damaged = CreateRequest(image=File(b"text", "cat.jpg", "image/jpeg"))
        refused = create_prediction.sync(client=client, body=damaged)
    prediction = Prediction.objects.get()
    assert made == read == listed.results[0]
    assert picture.payload.read() == image_bytes()
    assert (made.id, made.predicted_class) == (prediction.pk, prediction.predicted_class)
    assert made.probabilities.additional_properties == pytest.approx(dict(prediction.ranking))
    assert isinstance(refused, Problem)
    assert refused.errors[0].code == "text_file"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_page_for_people_works_under_a_strict_policy(open_browser, live_server, user):
    page, asked = open_browser(), []
    sign_in(page, user)
    page.on("request", lambda request: asked.append(request.url))
    assert "script-src 'self';" in page.goto("/api/docs/").headers["content-security-policy"]
    expect(page.locator(".opblock")).to_have_count(len(OPERATIONS))
    page.locator("#operations-me-read_me .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text('"username": "olena"')
    assert {url.startswith((live_server.url, "data:")) for url in asked} == {True}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_page_for_people_is_one_of_the_sites(open_browser, user):
    page = open_browser(color_scheme="dark")
    sign_in(page, user)
    page.goto("/api/docs/")
    expect(page.locator(".opblock")).to_have_count(len(OPERATIONS))
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.locator("summary", has_text=user.username)).to_be_visible()
    backgrounds = """() => [document.body, document.querySelector("#swagger-ui .swagger-ui")].map(
        (one) => getComputedStyle(one).backgroundColor)"""
    assert page.evaluate(backgrounds) == ["rgb(33, 37, 41)", "rgba(0, 0, 0, 0)"]
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(backgrounds) == ["rgb(251, 250, 247)", "rgba(0, 0, 0, 0)"]
    page.locator("summary", has_text="English").click()
    page.get_by_role("button", name="Українська").click()
    expect(page.locator("h1")).to_have_text("API")
    summary = page.locator(".opblock-summary-description", has_text="Прочитати поточний обліковий запис")
    expect(summary).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_page_for_people_sends_what_was_typed_alone_and_shows_the_image(open_browser, complaints, user, tmp_path):
    page = open_browser()
    sign_in(page, user)
    page.goto("/api/docs/")
    for seed in range(2):
        photograph = tmp_path / f"{seed}.jpg"
        photograph.write_bytes(image_bytes(seed=seed))
        done = try_out(page, "create_prediction", lambda block, file=photograph: attach(block, file))
        expect(done).to_contain_text('"expires_at": null')
    prediction = Prediction.objects.latest("created_at")
    assert Prediction.objects.count() == 2
    done = try_out(page, "read_image", lambda block: block.get_by_placeholder("prediction_id").fill(str(prediction.pk)))
    expect(done.locator("img")).to_have_js_property("naturalWidth", prediction.upload.width)
    # Swagger UI tells itself so of every file in a form.
    complaints[:] = [one for one in complaints if one != "Could not find component: JsonSchema_string_binary"]


def attach(block: Locator, file: Path) -> None:
    block.locator("input[type=file]").set_input_files(file)


def try_out(page: Page, operation: str, fill: Callable[[Locator], None]) -> Locator:
    block = page.locator(f"#operations-predictions-{operation}")
    if not block.locator(".opblock-body").count():
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
    fill(block)
    with page.expect_response(lambda response: "/api/v1/" in response.url):
        block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table")
