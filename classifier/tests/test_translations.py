import ast
import gettext
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from django.utils import translation

from classifier.models import Prediction
from classifier.templatetags.classification import percent
from classifier.tests.factories import BASE_DIR, environment, image_file, make_prediction
from classifier.tests.pages import elements

CATALOGUE = Path("classifier/locale/uk/LC_MESSAGES/django.po")
CLASSES = ["Літак", "Автомобіль", "Птах", "Кіт", "Олень", "Пес", "Жаба", "Кінь", "Корабель", "Вантажівка"]
PAGES = ["/", "/history/", "/history/delete/", "/accounts/sign-in/", "/accounts/sign-up/", "/nothing"]


class Message(NamedTuple):
    context: str | None
    text: str
    plural: str | None
    translations: list[str]
    fuzzy: bool


def read_po(path: Path) -> list[Message]:
    """The messages of a .po file but its header and what is no longer used."""
    messages = []
    for entry in re.split(r"\n\n+", path.read_text(encoding="utf-8")):
        fields = {
            name: "".join(ast.literal_eval(line) for line in lines.splitlines())
            for name, lines in re.findall(r'^(msg\S+) ((?:".*"\n?)+)', entry, re.MULTILINE)
        }
        if fields.get("msgid"):
            translations = [value for name, value in fields.items() if name.startswith("msgstr")]
            fuzzy = re.search(r"^#,.*\bfuzzy\b", entry, re.MULTILINE) is not None
            messages.append(
                Message(fields.get("msgctxt"), fields["msgid"], fields.get("msgid_plural"), translations, fuzzy)
            )
    return messages


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return read_po(BASE_DIR / CATALOGUE)


@pytest.fixture
def ukrainian(client):
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    return client


def test_every_message_is_translated_for_sure(messages):
    assert len(messages) > 100
    for message in messages:
        assert all(message.translations), message.text
        assert not message.fuzzy, message.text
        assert len(message.translations) == (4 if message.plural else 1), message.text


def test_translations_have_the_placeholders_of_their_messages(messages):
    for message in messages:
        wanted = set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", message.text))
        for translated in message.translations:
            assert set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", translated)) == wanted, message.text


def test_compiled_messages_are_those_of_the_catalogue(messages):
    with (BASE_DIR / CATALOGUE).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages:
        if message.plural:
            found = [compiled.ngettext(message.text, message.plural, number) for number in (1, 2, 5)]
            assert found == message.translations[:3]
        elif message.context:
            assert [compiled.pgettext(message.context, message.text)] == message.translations
        else:
            assert [compiled.gettext(message.text)] == message.translations


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="needs gettext's xgettext")
def test_no_message_is_missing_or_left_over(messages, tmp_path):
    import subprocess
    import sys

    for folder in ("cifarsite", "classifier", "templates"):
        shutil.copytree(BASE_DIR / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    shutil.copy(BASE_DIR / "manage.py", tmp_path)
    (tmp_path / "ml").symlink_to(BASE_DIR / "ml")
    command = [sys.executable, "manage.py", "makemessages", "--locale", "uk", "--no-location", "--no-wrap"]
    subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), check=True, capture_output=True)
    in_code = {message[:3] for message in read_po(tmp_path / CATALOGUE)}
    assert in_code == {message[:3] for message in messages}


@pytest.mark.django_db
def test_switch_turns_the_pages_ukrainian_and_back(client):
    assert '<html lang="en">' in client.get("/").text
    client.post("/i18n/setlang/", {"language": "uk", "next": "/"})
    assert '<html lang="uk">' in client.get("/").text
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    assert '<html lang="en">' in client.get("/").text


@pytest.mark.django_db
def test_browsers_language_counts_where_nothing_was_chosen(client):
    assert '<html lang="uk">' in client.get("/", headers={"Accept-Language": "uk,en;q=0.5"}).text
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "de"}).text


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_no_english_is_left_on_ukrainian_pages(ukrainian, address, messages):
    # The other language has its own name.
    page = re.sub(r'<button[^>]* lang="en"[^>]*>English</button>', "", ukrainian.get(address).text)
    words = set(re.findall(r">\s*([^<>{}]*?[A-Za-z]{3}[^<>{}]*?)\s*<", page))
    assert not words & {message.text for message in messages}


@pytest.mark.django_db
def test_result_names_the_ten_classes_in_ukrainian_and_data_stay_english(ukrainian):
    page = ukrainian.post("/", {"image": image_file()}, follow=True)
    for name in CLASSES:
        assert re.search(rf">\s*{name}\s*<", page.text), name
    assert elements(page, "data-class")[0]["data-class"] == Prediction.objects.get().predicted_class
    assert "." in elements(page, "data-confidence")[0]["data-confidence"]


@pytest.mark.django_db
def test_errors_are_ukrainian(ukrainian):
    assert "Файл порожній" in ukrainian.post("/", {"image": image_file(content=b"")}).text


@pytest.mark.django_db
def test_numbers_are_written_with_a_comma(ukrainian):
    page = ukrainian.post("/", {"image": image_file()}, follow=True).text
    assert re.search(r">\s*\d{1,3},\d%", page)
    assert not re.search(r"\d\.\d%", page)
    number = Prediction.objects.get().pk
    assert re.search(r"\d,\d мс", ukrainian.get(f"/predictions/{number}/").text)


@pytest.mark.parametrize(
    ("share", "english", "ukrainian"),
    [
        (0.1234, "12.3%", "12,3%"),
        (0.99999, "99.9%", "99,9%"),
        (1.0, "100.0%", "100,0%"),
        (0.00001, "<\u202f0.1%", "<\u202f0,1%"),
        (0.0, "0.0%", "0,0%"),
    ],
)
def test_percent_is_exact_only_where_it_is(share, english, ukrainian):
    with translation.override("en"):
        assert percent(share) == english
    with translation.override("uk"):
        assert percent(share) == ukrainian


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("count", "words"), [(1, "1 зображення"), (2, "2 зображення"), (5, "5 зображень")])
def test_plural_follows_the_number(user, ukrainian, count, words):
    for number in range(count):
        make_prediction(user, seed=number)
    ukrainian.force_login(user)
    assert words in ukrainian.post("/history/delete/", follow=True).text
