"""Pages in Ukrainian: nothing on them is left in English, whatever it was made of."""

import gettext
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import django
import pytest
from django.utils import translation

from classifier.models import ModelVersion
from classifier.services.history.correction import correct
from classifier.tests.factories import (
    BASE_DIR,
    environment,
    image_file,
    make_prediction,
    make_superuser,
    make_training_run,
)
from classifier.tests.test_translations import read_po

#: Names and what has no other name in Ukrainian.
LATIN = {
    *("API", "CIFAR", "SHA"),
    *("AVIF", "BMP", "CSV", "GIF", "HEIC", "JPEG", "PNG", "TIFF", "WebP", "ZIP"),
}
#: What a program is made of stands in these, and names in their own languages.
_FOREIGN = {"code", "kbd", "script", "style"}
#: Of a training run and what it is made of.
_NAMES = {"first", "run", "adam", "cosine"}
_SHOWN = {"alt", "aria-label", "placeholder", "title"}
#: Translates whatever is asked for while the site's modules are loaded into a complaint.
_EARLY = """
import sys, traceback
import django
from django.conf import settings
from django.utils.translation import trans_real

def complain(*arguments):
    callers = [frame for frame in traceback.extract_stack()[:-1] if "/django/utils/" not in frame.filename]
    if "/site-packages/" not in callers[-1].filename:
        print(f"{callers[-1].filename}:{callers[-1].lineno}: {arguments[0]!r}")
    return str(arguments[0])

settings.INSTALLED_APPS
for name in ("gettext", "ngettext", "pgettext", "npgettext"):
    setattr(trans_real, name, complain)
django.setup()
import classifier.admin, cifarsite.urls
"""


class _Words(HTMLParser):
    """Every word that somebody sees or hears, but for what says to be of another language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        foreign = tag in _FOREIGN or values.get("lang", "uk") != "uk" or "file-name" in (values.get("class") or "")
        if tag not in ("br", "img", "input", "link", "meta", "hr", "source"):
            self.open.append((tag, foreign or bool(self.open and self.open[-1][1])))
        if not foreign:
            # The upload queue's texts stand in attributes of its own.
            texts = {name for name in values if name.startswith("data-")} if "data-upload-queue" in values else set()
            self.found += filter(None, map(values.get, texts | _SHOWN))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not (self.open and self.open[-1][1]):
            self.found.append(data)


def latin_words(html: str) -> set[str]:
    words = _Words()
    words.feed(html)
    return {
        word
        for text in words.found
        for word in re.findall(r"[A-Za-z]{2,}", re.sub(r"\{\w+\}|\S+\.jpg|^(true|false)$", "", text))
    }


_MORE = ["/nothing", "/accounts/reset/", "/accounts/reset/sent/", "/accounts/reset/done/", "/accounts/reset/a/b/"]


@pytest.fixture
def ukrainian(client):
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    return client


@pytest.fixture
def facts(user):
    right, wrong, unchecked = (make_prediction(user, seed=seed) for seed in range(3))
    correct(prediction=right, label=right.answer, user=user)
    correct(prediction=wrong, label="none", user=user)
    return {"number": unchecked.pk, "right": right.pk, "wrong": wrong.pk, "run": make_training_run().pk}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/history/", "/accounts/sign-in/", "/accounts/sign-up/", *_MORE])
def test_stranger_reads_no_latin_word(ukrainian, address):
    assert latin_words(ukrainian.get(address).text) - LATIN == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/history/",
        "/history/?view=list&answer=7&lowest=500&since=never",
        "/history/delete/",
        "/predictions/{number}/",
        "/predictions/{right}/",
        "/predictions/{wrong}/",
        "/predictions/{number}/delete/",
        "/predictions/{number}/explanation/",
        "/models/",
        "/training/",
        "/accounts/password/",
        "/accounts/tokens/",
        "/accounts/delete/",
    ],
)
def test_person_reads_no_latin_word(ukrainian, user, facts, address):
    ukrainian.force_login(user)
    page = ukrainian.get(address.format(**facts))
    assert page.status_code == 200
    names = {user.username, *_NAMES, *re.findall(r"[A-Za-z]+", " ".join(map(str, ModelVersion.objects.all())))}
    assert latin_words(page.text) - LATIN - names == set()


@pytest.mark.django_db
def test_wrong_translations_of_django_are_overridden(ukrainian, client):
    page = ukrainian.get("/accounts/sign-up/").text
    assert "До 150 символів: літери, цифри та @/./+/-/_" in page
    assert "Пароль не може складатися лише з цифр." in page
    assert "Введіть той самий пароль ще раз для перевірки." in page
    refused = ukrainian.post("/accounts/sign-in/", {"username": "olena", "password": "wrong"}).text
    assert "Неправильне ім&#x27;я користувача або пароль." in refused
    ukrainian.force_login(make_superuser())
    admin = ukrainian.get("/admin/classifier/prediction/").text
    assert "Вибір для перегляду: " in admin
    assert "Переглянути сайт" in admin


def test_corrections_of_django_correct_what_django_says():
    corrections = BASE_DIR / "classifier" / "locale_django" / "uk" / "LC_MESSAGES" / "django.po"
    with corrections.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    with translation.override("uk"):
        for message in read_po(corrections):
            assert [compiled.gettext(message.text)] == message.translations
            assert translation.gettext(message.text) == message.translations[0]
    django_says = "".join(
        path.read_text(encoding="utf-8") for path in Path(django.__path__[0]).rglob("uk/**/django.po")
    )
    for message in read_po(corrections):
        assert message.text.splitlines()[0][:60] in django_says.replace('"\n"', ""), message.text


@pytest.mark.django_db
def test_answers_to_forms_have_no_latin_word(ukrainian, user):
    ukrainian.force_login(user)
    for address, fields in (
        ("/", {}),
        ("/", {"image": image_file(content=b"")}),
        ("/", {"example": "?"}),
        ("/accounts/tokens/", {"name": "", "scope": "?", "days": "5"}),
        ("/accounts/password/", {"new_password1": "1", "new_password2": "2"}),
    ):
        page = ukrainian.post(address, fields)
        assert latin_words(page.text) - LATIN - {user.username} == set(), (address, fields)


def test_words_are_those_of_the_page_and_not_of_its_program():
    assert latin_words('<p lang="en">one</p><code>two</code><img alt="three"><p>four <b>п\'ять</b></p>') == {
        "three",
        "four",
    }


def test_nothing_is_translated_before_somebodys_language_is_known(tmp_path):
    env = {**environment(tmp_path), "DJANGO_SETTINGS_MODULE": "cifarsite.settings"}
    made = subprocess.run(
        [sys.executable, "-c", _EARLY], cwd=BASE_DIR, env=env, capture_output=True, text=True, check=True
    )
    assert made.stdout == ""
