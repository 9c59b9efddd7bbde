"""What every answer of the site tells a browser that it may do, found out at every address."""

from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.test import Client

from classifier.models import Upload
from classifier.tests.factories import image_bytes, image_file, make_superuser
from classifier.tests.routes import Route, routes
from classifier.tests.strangers import FILE_NAME, Owner, owner_with_account
from classifier.views import model_versions

pytestmark = pytest.mark.django_db

NEVER_KEPT = "max-age=0, no-cache, no-store, must-revalidate, private"
#: A person's pictures, which are the same under their address for ever.
PICTURES = {"image", "thumbnail", "seen", "occlusion_map", "api_image", "api_thumbnail"}
#: The same for everybody, so that anything between may keep it.
EVERYBODYS = {"model_plot"}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
DIRECTIVES = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
}


@pytest.fixture
def owner() -> Owner:
    return owner_with_account()


@pytest.fixture
def ask(owner):
    """A function that asks at an address as somebody to whom it answers in full: the owner, or the operator."""
    operator = Client()
    operator.force_login(make_superuser())

    def ask_route(route: Route, method: str = "GET") -> HttpResponse:
        client = operator if route.is_of_admin or route.name == "metrics" else owner.client
        return client.generic(method, route.address(owner.facts))

    return ask_route


#: Pages that show pictures which have not come from the site, or not by an address.
WITH_PREVIEWS = ("home", "api_docs", "classifier_use")
#: The page that may ask for the camera.
WITH_CAMERA = "classifier"


def faults(response, *, previews: bool = False, camera: bool = False) -> list[str]:
    """What is wrong with the headers that every answer has."""
    found = [f"{name}: {response.get(name)}" for name, value in ALWAYS.items() if response.get(name) != value]
    permissions = response.get("Permissions-Policy", "").split(", ")
    allowed = ["camera=(self)"] if camera else []
    if len(permissions) < 10 or [one for one in permissions if not one.endswith("=()")] != allowed:
        found.append("Permissions-Policy")
    is_page = response.get("Content-Type", "").startswith("text/html")
    expected = DIRECTIVES if is_page else {"default-src 'none'", "sandbox"}
    if previews and is_page:
        expected = expected ^ {"img-src 'self' data:", "img-src 'self' data: blob:"}
    if set(response.get("Content-Security-Policy", "").split("; ")) != expected:
        found.append(f"Content-Security-Policy: {response.get('Content-Security-Policy')}")
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_answer_has_all_of_them(ask, method):
    wrong = []
    for route in routes():
        if method == "POST" and route.name in ("logout", "admin:logout"):
            continue
        response = ask(route, method)
        assert response.status_code < 500, str(route)
        wrong += [
            f"{route} ({response.status_code}): {fault}"
            for fault in faults(
                response,
                previews=route.name in WITH_PREVIEWS and response.status_code != 404,
                camera=route.name == WITH_CAMERA and response.status_code != 404,
            )
        ]
    assert wrong == []


def test_no_page_has_anything_in_it_that_the_policy_refuses(ask):
    # A browser says so of a handler only when it would run.
    for route in routes():
        response = ask(route)
        if response.get("Content-Type", "").startswith("text/html"):
            assert inline_parts(response.text) == [], str(route)


def inline_parts(page: str) -> list[str]:
    """The handlers, styles and scripts that stand in a page itself."""
    found = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            names = [name for name, value in attributes if (value or "").strip().lower().startswith("javascript:")]
            names += [name for name, _value in attributes if name == "style" or name.startswith(("on", "hx-on"))]
            if tag == "style" or (tag == "script" and "src" not in dict(attributes)):
                names.append("itself")
            found.extend(f"<{tag}>: {name}" for name in names)

    Finder().feed(page)
    return found


def test_nothing_is_kept_but_by_the_persons_own_browser(ask):
    kept = {}
    for route in routes():
        response = ask(route)
        if response.get("Cache-Control") != NEVER_KEPT:
            kept[route.name] = response.get("Cache-Control")
    assert set(kept) == PICTURES | EVERYBODYS
    for name in PICTURES:
        assert kept[name].startswith("private, max-age=86400"), name


@pytest.mark.parametrize("route", [route for route in routes() if route.name in PICTURES], ids=str)
def test_picture_is_shown_as_a_picture_under_a_harmless_name(owner, route):
    response = owner.client.get(route.address(owner.facts))
    content = b"".join(response)
    kind, ending = (b"\x89PNG", "png") if route.name in ("seen", "occlusion_map") else (b"\xff\xd8\xff", "jpg")
    assert content.startswith(kind)
    assert response["Content-Type"] == {"png": "image/png", "jpg": "image/jpeg"}[ending]
    assert response["Content-Disposition"].startswith("inline; filename=")
    assert response["Content-Disposition"].endswith(f'.{ending}"')
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("page.html", 'inline; filename="page.png"'),
        ("run me.sh.png", 'inline; filename="run me_sh.png"'),
        ('a"; filename="b.exe', 'inline; filename="a__ filename__b.png"'),
        ("a\r\nSet-Cookie: a=b.png", 'inline; filename="a__Set-Cookie_ a_b.png"'),
        ("..", 'inline; filename="__.png"'),
        ("", 'inline; filename="image.png"'),
        ("кіт.jpg", "inline; filename*=utf-8''%D0%BA%D1%96%D1%82.png"),
    ],
)
def test_name_to_save_under_is_made_harmless(client, name, saved):
    client.post("/", {"image": image_file("a.jpg", image_bytes("PNG"), content_type="text/html")})
    Upload.objects.update(original_name=name)
    response = client.get(f"/uploads/{Upload.objects.get().pk}/image")
    assert (response["Content-Type"], response["Content-Disposition"]) == ("image/png", saved)


@pytest.mark.parametrize("address", ["/history/predictions.csv", "/history/predictions.zip"])
def test_download_is_saved_and_not_shown(owner, address):
    response = owner.client.get(address)
    assert response["Content-Disposition"].startswith('attachment; filename="predictions-')
    assert FILE_NAME not in response["Content-Disposition"]


def test_refusals_have_them_too(client, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    strict = Client(enforce_csrf_checks=True)
    refusals = {
        400: client.get("/", headers={"Host": "elsewhere.example"}),
        403: strict.post("/"),
        404: client.get("/nothing/"),
        405: client.delete("/history/"),
        302: client.get("/accounts/tokens/"),
        401: client.get("/api/v1/me/"),
    }
    for status, response in refusals.items():
        assert response.status_code == status
        assert faults(response) in ([], ["X-Frame-Options: None"]), status
        assert response["Cache-Control"] == NEVER_KEPT


def test_fault_of_the_site_has_them_too(client, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(model_versions, "VersionPage", fail)
    client.raise_request_exception = False
    response = client.get("/models/")
    assert response.status_code == 500
    assert faults(response) in ([], ["X-Frame-Options: None"])


def test_browsers_are_sent_to_https_and_cookies_use_nothing_else(settings):
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.LANGUAGE_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = settings.HSTS_SECONDS
    assert Client().get("/history/")["Location"] == "https://testserver/history/"
    client = Client()
    response = client.post("/", {"image": image_file(), "keep": "7"}, secure=True)
    client.post("/i18n/setlang/", {"language": "uk"}, secure=True)
    client.get("/accounts/sign-in/", secure=True)
    assert response["Strict-Transport-Security"] == "max-age=3600"
    cookies = {
        name: (bool(one["secure"]), bool(one["httponly"]), one["samesite"]) for name, one in client.cookies.items()
    }
    assert cookies == dict.fromkeys(("sessionid", "csrftoken", "django_language", "keep"), (True, True, "Lax"))
