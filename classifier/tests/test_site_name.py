"""The site's name: a setting, or plain words in the language of the page."""

import re

import pytest
from django.test import Client

from classifier.tests.factories import environment, make_superuser, manage

DEFAULT = {"en": "Photo classifier", "uk": "Розпізнавання фото"}
PAGES = ["/", "/history/", "/models/", "/nothing/here", "/api/docs/", "/accounts/sign-in/"]
#: Prints each place that shows the name, in a language.
SHOWN = """
from django.test import Client
from django.contrib import admin
from django.utils.translation import override
for language in ("en", "uk"):
    client = Client(headers={"accept-language": language, "host": "localhost"})
    print(client.get("/accounts/sign-in/").text)
    print(client.get("/api/schema/", {"format": "json", "lang": language}).json()["info"]["title"])
    with override(language):
        print(admin.site.site_header, admin.site.site_title)
"""


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_have_a_name_in_plain_words(path, language):
    page = Client(headers={"accept-language": language}).get(path).text
    title, brand = re.search(r"<title>(.*?)</title>", page)[1], re.search(r"site-brand.*?</a>", page, re.S)[0]
    assert title.endswith(DEFAULT[language])
    assert DEFAULT[language] in brand
    assert "CIFAR" not in title + brand


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"), [("en", "Photo classifier: admin"), ("uk", "Розпізнавання фото: адмін")]
)
def test_admin_has_the_name_of_the_site(language, words):
    client = Client(headers={"accept-language": language})
    client.force_login(make_superuser())
    page = client.get("/admin/").text
    assert words in page
    assert DEFAULT[language] in re.search(r"<title>(.*?)</title>", page, re.S)[1]


def test_name_is_a_setting(tmp_path):
    env = environment(tmp_path, SITE_NAME="Photos of Lyceum 5 & friends", ALLOWED_HOSTS="localhost")
    manage("migrate", "--skip-checks", env=env)
    done = manage("shell", "--no-imports", "-c", SHOWN, env=env)
    assert done.returncode == 0, done.stderr
    assert not re.search("|".join(DEFAULT.values()), done.stdout)
    # Title and header of a page, escaped; the API, and twice in the admin.
    assert done.stdout.count("Photos of Lyceum 5 &amp; friends") == 4
    assert done.stdout.count("Photos of Lyceum 5 & friends") == 6
